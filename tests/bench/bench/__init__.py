"""The performance harness: loads a street, drives whistled and its peers through the same requests, and compares."""
