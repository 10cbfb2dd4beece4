"""The contract on its own: examples that hold, words for everything, limits on whatever a client may send."""

import json
import re

import pytest
from support.contract import ROOT, Contract

CONTRACT = Contract()
JSON = ("application/json", "application/problem+json")
# machines.md 6 in the words of the project: what changes a state, a PATCH, a decision.
NEEDS_VERSION = {
    "cases": {"edit", "accept", "reject", "register", "start_source", "source_done", "whistle", "step_done", "feedback",
              "check", "rate", "object", "withdraw", "merge", "ask_verification", "report_verification", "reclass",
              "reassign", "step_waive", "resume"},
    "tickets": {"sign", "report_in", "start", "submit", "approve", "rework", "recall"},
    "requests": {"approve", "decline", "withdraw"},
    "early_warnings": {"edit", "assess", "resolve", "link", "unlink", "name_departments"},
    "accountability": {"decide", "appeal", "decide_appeal"},
    "complaints": {"uphold", "dismiss"},
    "places": {"edit"},
    "hazards": {"plan", "node_done", "start", "submit", "pass", "fail", "refer"},
    "webhooks": {"edit", "rotate_secret", "retire"},
} | {
    resource: {"edit", "retire"} for resource in (
        "organisations", "areas", "categories", "calendar_days", "dictionary_entries", "people", "assignments")
} | {"clients": {"edit", "retire", "rotate_secret"}}  # fmt: skip
# Of other specifications, which know no such header: a token more does no harm, and an update has an id of its own.
WITHOUT_KEY = {"oauth.token", "open311.update"}


def media_of(operation):
    """(where, direction, media type, entry) of everything JSON that goes in or out."""
    request = CONTRACT.resolve(operation.entry.get("requestBody", {}))
    for kind, entry in request.get("content", {}).items():
        yield f"{operation.id} request", "in", kind, entry
    for status, response in operation.entry["responses"].items():
        for kind, entry in CONTRACT.resolve(response).get("content", {}).items():
            yield f"{operation.id} {status}", status, kind, entry


def examples():
    for operation in CONTRACT.operations:
        for where, direction, kind, entry in media_of(operation):
            for name, example in entry.get("examples", {}).items():
                yield pytest.param(direction, entry["schema"], example["value"], id=f"{where} {name}")


@pytest.mark.parametrize("direction,schema,value", examples())
def test_example_holds(direction, schema, value):
    if direction == "in":
        # A client may leave milliseconds out and write any offset; replies do neither.
        text = re.sub(r"(T\d\d:\d\d:\d\d)(?=Z|[+-]\d\d:\d\d\")", r"\1.000", json.dumps(value))
        value = json.loads(re.sub(r"(\.\d{3})Z\"", r'\1+00:00"', text))
    assert CONTRACT.errors(schema, value) == []


def test_examples_tell_one_story():
    """Numbers, ids and versions agree from example to example: the same ticket is always the same ticket."""
    seen: dict[str, set] = {}

    def walk(node):
        if isinstance(node, dict):
            if "id" in node and "number" in node:
                seen.setdefault(node["number"], set()).add(node["id"])
            for child in node.values():
                walk(child)
        elif isinstance(node, list):
            for child in node:
                walk(child)

    for operation in CONTRACT.operations:
        for _, _, _, entry in media_of(operation):
            walk([e["value"] for e in entry.get("examples", {}).values()])
    assert len(seen) >= 5
    assert {number: ids for number, ids in seen.items() if len(ids) > 1} == {}


@pytest.mark.parametrize("operation", CONTRACT.operations, ids=lambda o: o.id)
def test_operation_explains_itself(operation):
    entry = operation.entry
    assert entry.get("summary") and entry.get("tags") and len(entry.get("description", "")) > 20
    assert "default" in entry["responses"]
    for where, direction, kind, media in media_of(operation):
        if kind in JSON and "schema" in media and (direction in ("in", "default") or direction < "300"):
            assert media.get("examples"), f"{where} has no example"
    for parameter in map(CONTRACT.resolve, operation.parameters):
        assert parameter.get("description"), f"{operation.id}: {parameter['name']}"
    if operation.method != "GET":
        assert "**Who**" in entry["description"]


@pytest.mark.parametrize("operation", CONTRACT.operations, ids=lambda o: o.id)
def test_headers_that_a_write_takes(operation):
    headers = {p["name"]: p for p in map(CONTRACT.resolve, operation.parameters) if p["in"] == "header"}
    resource, action = operation.id.split(".")
    assert ("If-Match" in headers) == (action in NEEDS_VERSION.get(resource, ()))
    assert headers.get("If-Match", {"required": True})["required"] is True
    assert ("Idempotency-Key" in headers) == (operation.method == "POST" and operation.id not in WITHOUT_KEY)
    assert ("Prefer" in headers) == (operation.id in ("cases.list", "tickets.list"))


def schemas():
    for name, schema in CONTRACT.document["components"]["schemas"].items():
        yield name, schema


def walk_schema(where, schema):
    yield where, schema
    for name, child in schema.get("properties", {}).items():
        yield from walk_schema(f"{where}.{name}", child)
    if "items" in schema:
        yield from walk_schema(f"{where}[]", schema["items"])


@pytest.mark.parametrize("name,schema", schemas())
def test_schema_has_words_for_everything(name, schema):
    for where, node in walk_schema(name, schema):
        described = CONTRACT.resolve(node) if "$ref" in node else node
        assert described.get("description") or where.endswith("[]"), f"{where} has no description"
        for value in node.get("enum", ()):
            told = value is None or f"`{value}`" in node["description"] or "Values as in `" in node["description"]
            assert told, f"{where}: {value} has no meaning"


def sent_schemas():
    for operation in CONTRACT.operations:
        for parameter in map(CONTRACT.resolve, operation.parameters):
            yield f"{operation.id} {parameter['name']}", parameter["schema"]
        for where, direction, kind, entry in media_of(operation):
            if direction == "in" and kind == "application/json":
                yield where, entry["schema"]


def unlimited(where, schema, path=()):
    """What a client could make grow without end."""
    schema = CONTRACT.resolve(schema)
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if "string" in kinds and not any(word in schema for word in ("enum", "format", "maxLength")):
        yield where
    if "array" in kinds and "maxItems" not in schema:
        yield where
    if {"integer", "number"} & set(kinds) and not {"minimum", "maximum"} <= set(schema):
        yield where
    for name, child in schema.get("properties", {}).items():
        yield from unlimited(f"{where}.{name}", child)
    if "items" in schema:
        yield from unlimited(f"{where}[]", schema["items"])


def test_everything_sent_has_a_limit():
    assert [place for where, schema in sent_schemas() for place in unlimited(where, schema)] == []


def errors_def() -> dict[str, int]:
    text = (ROOT / "api" / "errors.def").read_text()
    return {code: int(status) for code, status in re.findall(r"^ERROR\((\w+),\s*(\d+),", text, re.M)}


def test_catalogue_of_errors_is_the_services():
    rows = re.findall(r"^\| (\d{3}) \| `(\w+)` \|", CONTRACT.document["info"]["description"], re.M)
    assert {code: int(status) for status, code in rows} == errors_def()


def told_by(manner: str) -> dict[str, int]:
    """Refusals by name, with the status that they have in an operation of such manners."""
    known = errors_def()
    if manner == "open311":
        kept = {403, 404, 405, 413, 429}
        return {code: status if status in kept or status >= 500 else 400 for code, status in known.items()}
    if manner == "oauth":
        return dict.fromkeys(CONTRACT.document["components"]["schemas"]["TokenRefusal"]["properties"]["error"]["enum"], 400) | {
            "invalid_client": 401, "temporarily_unavailable": 429, "server_error": 500}
    return known


@pytest.mark.parametrize("operation", CONTRACT.operations, ids=lambda o: o.id)
def test_named_refusals_exist_with_their_status(operation):
    known = told_by(operation.entry.get("x-manner", "own"))
    refusals = re.search(r"\*\*Refusals\*\*:(.*)", operation.entry["description"], re.S)
    for part in refusals.group(1).split(";") if refusals else ():
        status = int(re.match(r"\s*(\d{3})", part).group(1))
        assert str(status) in operation.entry["responses"], f"{status} is named and not declared"
        for code in re.findall(r"`(\w+)`", part):
            assert known.get(code) == status, f"{code}: {known.get(code)} in errors.def, {status} here"


def test_examples_of_problems_are_of_the_catalogue():
    known = errors_def()
    for response in CONTRACT.document["components"]["responses"].values():
        for kind, entry in response.get("content", {}).items():
            if kind != "application/problem+json":
                continue
            for example in entry["examples"].values():
                problem = example["value"]
                assert known.get(problem["code"]) == problem["status"], problem
                for fault in problem.get("errors", ()):
                    assert fault["code"] in known, fault
