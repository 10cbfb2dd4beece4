"""openapi.yaml as a judge: every reply of every test is held against it."""

import json
import re
import xml.etree.ElementTree as ElementTree
from collections import defaultdict
from pathlib import Path

import jsonschema
import yaml

ROOT = Path(__file__).resolve().parents[2]
METHODS = ("get", "post", "put", "patch", "delete")


def _checker() -> jsonschema.FormatChecker:
    checker = jsonschema.FormatChecker(formats=())
    moment = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d")
    checker.checks("date-time")(lambda v: not isinstance(v, str) or bool(moment.fullmatch(v)))
    checker.checks("date")(lambda v: not isinstance(v, str) or bool(re.fullmatch(r"\d{4}-\d\d-\d\d", v)))
    uuid = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
    checker.checks("uuid")(lambda v: not isinstance(v, str) or bool(uuid.fullmatch(v)))
    return checker


class Operation:
    def __init__(self, method: str, path: str, entry: dict, shared: list):
        self.id = entry["operationId"]
        self.method, self.path, self.entry = method.upper(), path, entry
        self.parameters = shared + entry.get("parameters", [])
        self.pattern = re.compile(re.sub(r"\{[^}]+\}", "[^/]+", path.replace(".", r"\.")))
        self.roles = entry["x-roles"]


class Contract:
    def __init__(self, path: Path = ROOT / "openapi.yaml"):
        self.document = yaml.load(path.read_text(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        self.resolver = jsonschema.RefResolver.from_schema(self.document)
        self.checker = _checker()
        self.validators: dict[int, jsonschema.Draft202012Validator] = {}
        self.operations = [
            Operation(method, path, item[method], item.get("parameters", []))
            for path, item in self.document["paths"].items()
            for method in METHODS
            if method in item
        ]
        self.by_id = {operation.id: operation for operation in self.operations}
        # operationId → status → how often seen
        self.seen: dict[str, dict[int, int]] = defaultdict(lambda: defaultdict(int))

    def resolve(self, node: dict) -> dict:
        while "$ref" in node:
            node = self.resolver.resolve(node["$ref"])[1]
        return node

    def find(self, method: str, path: str) -> Operation | None:
        method = "GET" if method == "HEAD" else method
        exact = [o for o in self.operations if o.method == method and o.path == path]
        return next(iter(exact), None) or next(
            (o for o in self.operations if o.method == method and o.pattern.fullmatch(path)), None
        )

    def errors(self, schema: dict, value) -> list[str]:
        validator = self.validators.get(id(schema))
        if validator is None:
            validator = jsonschema.Draft202012Validator(schema, resolver=self.resolver, format_checker=self.checker)
            self.validators[id(schema)] = validator
        return [f"/{'/'.join(map(str, e.absolute_path))}: {e.message}"[:500] for e in validator.iter_errors(value)]

    def check(self, method: str, path: str, status: int, headers, body: bytes) -> None:
        """Raises AssertionError when the contract does not promise this reply."""
        operation = self.find(method, path)
        if operation is None:
            assert status in (400, 404, 405, 204), f"{method} {path}: {status} outside the contract"
            if path.startswith("/open311/") and status != 204:
                refused = self.resolve({"$ref": "#/components/responses/Open311Refused"})
                self._check_body(f"{method} {path}", refused, headers, b"" if method == "HEAD" else body)
            elif status != 204:
                self.check_problem(status, headers, body)
            return
        self.seen[operation.id][status] += 1
        responses = operation.entry["responses"]
        entry = responses.get(str(status)) or responses.get("default")
        where = f"{operation.id} {status}"
        assert entry is not None, f"{where}: not declared; {body[:300]!r}"
        entry = self.resolve(entry)
        for name, header in entry.get("headers", {}).items():
            if self.resolve(header).get("required"):
                assert name in headers, f"{where}: header {name} is promised"
        if method == "HEAD" or status in (204, 304):
            assert not body, f"{where}: a body where none may be"
            return
        self._check_body(where, entry, headers, body)
        if status >= 400 and "application/problem+json" in entry.get("content", {}):
            self.check_problem(status, headers, body)

    def _check_body(self, where: str, entry: dict, headers, body: bytes) -> None:
        content = entry.get("content")
        if not content:
            assert not body, f"{where}: no body is declared, got {body[:200]!r}"
            return
        kind = headers.get("Content-Type", "").split(";")[0].strip()
        assert kind in content, f"{where}: content type {kind!r} is not among {list(content)}"
        # Of lines of JSON the contract has the schema of one.
        texts = body.splitlines() if kind.endswith("ndjson") else [body] if kind.endswith("json") else []
        for text in texts:
            faults = self.errors(content[kind]["schema"], json.loads(text))
            assert not faults, f"{where}: {faults}\n{text[:2000].decode()}"
        if kind == "text/xml":
            assert body.startswith(b'<?xml version="1.0" encoding="utf-8"?>\n'), f"{where}: {body[:100]!r}"
            value = self.from_xml(ElementTree.fromstring(body), content[kind]["schema"], where)
            faults = self.errors(content[kind]["schema"], value)
            assert not faults, f"{where}: {faults}\n{body[:2000].decode()}"

    def from_xml(self, element: ElementTree.Element, schema: dict, where: str):
        """What the schema would have as JSON: members by their names, items by the one that the schema gives them."""
        schema = self.resolve(schema)
        kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        assert not element.attrib, f"{where}: <{element.tag}> has attributes"
        assert element.tag == schema.get("xml", {}).get("name", element.tag), f"{where}: <{element.tag}>"
        children, text = list(element), element.text or ""
        if "array" in kinds:
            return [self.from_xml(child, schema["items"], where) for child in children]
        if "object" in kinds:
            assert len({child.tag for child in children}) == len(children), f"{where}: <{element.tag}> says something twice"
            return {child.tag: self.from_xml(child, schema["properties"][child.tag], where) for child in children}
        assert not children, f"{where}: <{element.tag}> is no text"
        if not text and "null" in kinds:
            return None
        kind = next(kind for kind in kinds if kind != "null")
        return {"boolean": lambda: {"true": True, "false": False}[text], "integer": lambda: int(text),
                "number": lambda: float(text)}.get(kind, lambda: text)()

    def check_problem(self, status: int, headers, body: bytes) -> None:
        assert headers.get("Content-Type", "").startswith("application/problem+json"), headers
        problem = json.loads(body)
        for member in ("type", "title", "status", "detail", "instance", "code"):
            assert member in problem, f"problem without {member}: {problem}"
        assert problem["status"] == status
        assert problem["instance"] == headers["X-Request-Id"]
