"""The part of the contract that a peer serves, as one JSON file: roles, bodies' schemas, and the sentences of refusals."""

import json
import re
from pathlib import Path

import yaml

from support.contract import ROOT

OPERATIONS = (
    "cases.create", "cases.get", "cases.accept", "cases.register", "cases.whistle", "cases.check", "cases.rate",
    "tickets.list", "tickets.sign", "tickets.contact", "tickets.report_in", "tickets.start", "tickets.submit", "tickets.approve",
)
KEPT = {"type", "required", "properties", "enum", "minLength", "maxLength", "minimum", "maximum", "items", "minItems", "maxItems",
        "pattern", "format", "uniqueItems"}
ENTRY = re.compile(r'^ERROR\((\w+), (\d+), "(.*?)", "(.*?)"\)', re.MULTILINE)
TITLE = re.compile(r'\{(\d{3}), "(.*?)", "(.*?)"\}')


def spelt_out(document: dict, schema: dict) -> dict:
    """Without references and words."""
    while "$ref" in schema:
        target = document
        for part in schema["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        schema = target | {name: value for name, value in schema.items() if name != "$ref"}
    kept = {name: value for name, value in schema.items() if name in KEPT}
    if "properties" in kept:
        kept["properties"] = {name: spelt_out(document, inner) for name, inner in kept["properties"].items()}
    if "items" in kept:
        kept["items"] = spelt_out(document, kept["items"])
    return kept


def make(path: Path) -> None:
    document = yaml.load((ROOT / "openapi.yaml").read_text(encoding="utf-8"), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    known = {operation["operationId"]: operation for entry in document["paths"].values() for operation in entry.values()
             if isinstance(operation, dict) and "operationId" in operation}
    titles = {int(status): (zh, en) for status, zh, en in TITLE.findall((ROOT / "api" / "problem.c").read_text(encoding="utf-8"))}
    errors = {code: {"status": int(status), "zh": zh, "en": en, "title_zh": titles[int(status)][0], "title_en": titles[int(status)][1]}
              for code, status, zh, en in ENTRY.findall((ROOT / "api" / "errors.def").read_text(encoding="utf-8"))}
    bodies = {name: spelt_out(document, known[name]["requestBody"]["content"]["application/json"]["schema"])
              for name in OPERATIONS if "requestBody" in known[name]}
    path.write_text(json.dumps({"errors": errors, "roles": {name: known[name]["x-roles"] for name in OPERATIONS}, "bodies": bodies},
                               ensure_ascii=False))
