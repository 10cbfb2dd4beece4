"""A small project of its own, for the tests of the contract's compiler."""

import copy
import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
COMPILER = ROOT / "api" / "contract" / "compile.py"
sys.path.insert(0, str(COMPILER.parent))

CREATE = {
    "operationId": "things.create",
    "x-roles": ["dispatcher"],
    "parameters": [{"name": "Idempotency-Key", "in": "header", "schema": {"type": "string"}}],
    "requestBody": {"required": True, "content": {"application/json": {"schema": {
        "type": "object", "additionalProperties": False, "required": ["title"],
        "properties": {
            "title": {"type": "string", "maxLength": 20, "pattern": "^[a-z]+$"},
            "kind": {"type": "string", "enum": ["b", "a"]},
            "seen_at": {"type": ["string", "null"], "format": "date-time"},
            "tags": {"type": "array", "items": {"type": "string"}, "maxItems": 3},
            "parts": {"type": "array", "items": {"type": "object", "additionalProperties": True}},
            "count": {"type": "integer", "minimum": 1},
        }}}}},
    "responses": {
        "201": {"description": "made", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}}},
        "default": {"description": "problem"},
    },
}  # fmt: skip
LIST = {
    "operationId": "things.list",
    "x-roles": ["dispatcher", "leader"],
    "parameters": [
        {"name": "limit", "in": "query", "schema": {"type": "integer", "default": 20}},
        {"name": "cursor", "in": "query", "schema": {"type": "string"}},
        {"name": "kind", "in": "query", "schema": {"type": "array", "items": {"type": "string"}}},
    ],
    "responses": {
        "200": {"description": "list", "content": {"application/json": {"schema": {
            "type": "object", "additionalProperties": False, "required": ["items", "next_cursor"], "properties": {
                "items": {"type": "array", "items": {"$ref": "#/components/schemas/Thing"}},
                "next_cursor": {"type": ["string", "null"]}}}}}},
        "default": {"description": "problem"},
    },
}  # fmt: skip
GET = {
    "operationId": "things.get",
    "x-roles": ["public"],
    "parameters": [{"name": "thing_id", "in": "path", "required": True, "schema": {"type": "string", "format": "uuid"}}],
    "responses": {
        "200": {"description": "one", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}}},
        "default": {"description": "problem"},
    },
}  # fmt: skip
THING = {
    "type": "object", "additionalProperties": False, "required": ["id", "place"],
    "properties": {
        "id": {"type": "string", "format": "uuid"},
        "place": {"type": "object", "additionalProperties": False, "required": ["lon"], "properties": {
            "lon": {"type": "number"},
            "area": {"type": ["object", "null"], "additionalProperties": False, "properties": {"code": {"type": "string"}}},
        }},
        "who": {"type": ["object", "null"], "x-json": True, "properties": {"name": {"type": "string"}}},
        "answers": {"type": "object", "additionalProperties": True},
        "tags": {"type": "array", "items": {"type": "string"}},
        "parts": {"type": "array", "items": {"type": "object", "properties": {"n": {"type": "integer"}}}},
    },
}  # fmt: skip
DOCUMENT = {
    "openapi": "3.1.0",
    "paths": {"/v1/things": {"post": CREATE, "get": LIST}, "/v1/things/{thing_id}": {"get": GET}},
    "components": {"schemas": {"Thing": THING}},
}
STATEMENTS = {
    "things/create.sql": "SELECT * FROM make(@tenant, @title, @kind, @seen_at, @tags, @parts, @count)",
    "things/list.sql": "SELECT * FROM list(@kind, @cursor, @limit)",
    "things/get.sql": "SELECT * FROM get(@thing_id)",
}


class Project:
    """A small project of its own in a temporary folder."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.document = copy.deepcopy(DOCUMENT)
        self.statements = dict(STATEMENTS)
        self.errors = 'ERROR(internal, 500, "错", "wrong")\n'
        self.files = {"db/migrations/0001_base.sql": "SELECT 1;\n", "db/procedures/10_a.sql": "SELECT 2;\n"}

    @property
    def create(self) -> dict:
        return self.document["paths"]["/v1/things"]["post"]

    @property
    def body(self) -> dict:
        return self.create["requestBody"]["content"]["application/json"]["schema"]

    @property
    def thing(self) -> dict:
        return self.document["components"]["schemas"]["Thing"]

    def build(self) -> subprocess.CompletedProcess:
        files = self.files | {f"db/queries/{name}": text for name, text in self.statements.items()}
        files |= {"openapi.yaml": yaml.safe_dump(self.document, sort_keys=False), "api/errors.def": self.errors}
        for name, text in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        command = [sys.executable, str(COMPILER), "--root", str(self.folder), "--version", "1.2.3"]
        command += ["--tables", str(self.folder / "tables.c"), "--embedded", str(self.folder / "embedded.c")]
        command += ["--depfile", str(self.folder / "contract.d")]
        return subprocess.run(command, capture_output=True, text=True, timeout=60)

    def tables(self) -> str:
        done = self.build()
        assert done.returncode == 0, done.stderr
        return (self.folder / "tables.c").read_text(encoding="utf-8")

    def fails(self, *words: str) -> None:
        done = self.build()
        assert done.returncode == 1, "the build should have failed"
        assert "Traceback" not in done.stderr, done.stderr
        assert not (self.folder / "tables.c").exists()
        for word in words:
            assert word in done.stderr, done.stderr
