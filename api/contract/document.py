"""Reads openapi.yaml strictly, follows its references, and writes it out again as the JSON that clients get."""

import json
import re
from pathlib import Path

import yaml

# Ours alone: they say how an operation is done, which is nobody's business but the build's.
INTERNAL_KEYS = {
    "x-statement", "x-handler", "x-alone", "x-json", "x-names", "x-offers", "x-raw-body", "x-personal", "x-export", "x-manner",
    "x-gate", "x-pictures", "x-rows", "x-on-record",
}  # fmt: skip
MAX_REFERENCES = 32


class Faults:
    """What is wrong with the contract: everything is collected, so that one build shows it all."""

    def __init__(self):
        self.sentences: list[str] = []

    def add(self, place: str, sentence: str) -> None:
        text = f"{place}: {sentence}"
        if text not in self.sentences:
            self.sentences.append(text)


class Broken(Exception):
    """The input cannot be read at all, so that nothing else can be said about it."""


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
    """YAML 1.2 as OpenAPI wants it: times stay texts, `yes` and `no` are texts, a key stands once."""


def _mapping(loader, node):
    pairs = {}
    for key_node, value_node in node.value:
        key = loader.construct_object(key_node, deep=True)
        if key in pairs:
            raise Broken(f"line {key_node.start_mark.line + 1}: the key {key!r} stands twice.")
        pairs[key] = loader.construct_object(value_node, deep=True)
    return pairs


_Loader.yaml_implicit_resolvers = {
    first: [(tag, regexp) for tag, regexp in resolvers if not tag.endswith((":timestamp", ":bool"))]
    for first, resolvers in _Loader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(true|false)$"), list("tf"))
_Loader.add_constructor("tag:yaml.org,2002:map", _mapping)


class Document:
    def __init__(self, path: Path):
        self.path = path
        try:
            self.root = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)
        except OSError as error:
            raise Broken(f"{path.name}: cannot be read: {error.strerror}.") from error
        except yaml.YAMLError as error:
            raise Broken(f"{path.name}: is no YAML: {error}") from error
        except Broken as error:
            raise Broken(f"{path.name}: {error}") from error
        if not isinstance(self.root, dict) or not isinstance(self.root.get("paths"), dict):
            raise Broken(f"{path.name}: has no paths.")

    def lookup(self, reference: str):
        if not reference.startswith("#/"):
            raise KeyError(reference)
        node = self.root
        for part in reference[2:].split("/"):
            node = node[part.replace("~1", "/").replace("~0", "~")]
        return node

    def resolve(self, node):
        """The node that a reference leads to; what stands beside the reference wins."""
        for _ in range(MAX_REFERENCES):
            if not isinstance(node, dict) or "$ref" not in node:
                return node
            try:
                target = self.lookup(node["$ref"])
            except (KeyError, TypeError, AttributeError):
                raise Broken(f"{self.path.name}: the reference {node['$ref']} leads nowhere.") from None
            beside = {key: value for key, value in node.items() if key != "$ref"}
            node = {**target, **beside} if beside else target
        raise Broken(f"{self.path.name}: the reference {node['$ref']} goes round in a circle.")

    def published(self) -> bytes:
        return json.dumps(_without_internal(self.root), ensure_ascii=False, separators=(",", ":")).encode()


def _without_internal(node):
    if isinstance(node, dict):
        return {str(key): _without_internal(value) for key, value in node.items() if key not in INTERNAL_KEYS}
    if isinstance(node, list):
        return [_without_internal(value) for value in node]
    return node
