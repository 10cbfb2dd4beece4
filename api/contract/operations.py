"""The contract's operations: what each asks for, who may call it, what does its work, what it answers."""

import re
from dataclasses import dataclass, field
from datetime import datetime, timezone
from email.utils import format_datetime

from document import Document, Faults
from replies import Encoder, Replies
from schemas import Requests, Schema, is_nullable, type_names
from statements import RESERVED, Statement

METHODS = ("get", "post", "put", "patch", "delete")
# Their order is their bit in the tables.
ROLES = (
    "citizen", "client", "grid_worker", "community", "window_clerk", "department", "property", "dispatcher", "leader",
    "supervisor", "auditor", "admin",
)  # fmt: skip
# What a machine client may, word by word; their bits follow those of the roles.
SCOPES = ("cases:create", "cases:read", "tickets:work", "open311")
# Whose habits an operation keeps in its refusals, empty parameters and types: our own, or those of a specification.
MANNERS = {"own": "MANNER_OWN", "oauth": "MANNER_OAUTH", "open311": "MANNER_OPEN311"}
# Who calls says a key inside the request: api_key.
GATES = {"optional": "GATE_OPTIONAL", "required": "GATE_REQUIRED"}
GATE_NAMES = {"api_key", "jurisdiction_id"}
# A path may end in `.{format}`: what its values stand for.
FORMATS = {"json": "application/json", "xml": "text/xml"}
JSON = "application/json"
FORM, MULTIPART = "application/x-www-form-urlencoded", "multipart/form-data"
DEFAULT_MAX_BODY = 65536
MAX_PATH_PARAMETERS = 4
# The core's own, in whichever list or export they stand.
PAGING = {"limit", "cursor"}
WRITING = {"format", "bom", "header", "times"}
# What an export can be written as, the one first that is sent to who does not care, and the function that does it.
EXPORT_TYPES = ("text/csv", "application/x-ndjson")
EXPORT_HANDLER = "exports_run"
COLUMN_TYPES = {
    ("string", "uuid"): "uuid",
    ("string", "date-time"): "timestamptz",
    ("string", "w3c-date-time"): "timestamptz",
    ("string", "date"): "date",
    ("integer", None): "bigint",
    ("number", None): "float8",
    ("boolean", None): "bool",
}


@dataclass
class Parameter:
    name: str
    place: str  # path, query, header
    schema: Schema
    required: bool
    fallback: str | None
    type: str  # PostgreSQL's


@dataclass
class Operation:
    id: str
    method: str
    path: str
    roles: list[str]
    parameters: list[Parameter]
    body: Schema | None = None
    body_types: dict[str, str] = field(default_factory=dict)
    body_required: bool = False
    max_body: int = DEFAULT_MAX_BODY
    raw_body: bool = False
    streams: bool = False
    exports: bool = False
    pictures: str | None = None  # of a form in parts: the field whose files are pictures
    max_upload: int = 0
    form: bool = False  # the body is a form; its schema says what becomes of the texts
    media_types: list[str] = field(default_factory=list)  # of a raw body or a form
    scopes: list[str] = field(default_factory=list)
    manner: str = "own"
    gate: str | None = None
    suffix: Parameter | None = None
    alone: bool = False
    on_record: bool = False
    personal: bool = True
    deprecation: dict[str, str] = field(default_factory=dict)  # fields of struct operation → header values
    handler: str | None = None
    wanted: str = ""  # name of the statement it asks for
    statement: Statement | None = None
    arguments: list[tuple[str, int]] = field(default_factory=list)  # (source, index)
    encoder: Encoder | None = None
    status: int = 200

    @property
    def place(self) -> str:
        return f"openapi.yaml, {self.id}"

    def header(self, name: str) -> Parameter | None:
        found = (p for p in self.parameters if p.place == "header" and p.name.lower() == name)
        return next(found, None)


def deprecation_headers(operation: Operation, entry: dict, faults: Faults) -> dict[str, str]:
    """`deprecated: true` with `x-deprecated: {since, sunset, guide}`: dates, and where the way out is described."""
    if not entry.get("deprecated"):
        return {}
    told = entry.get("x-deprecated", {})
    try:
        since, sunset = (datetime.fromisoformat(str(told[name])).replace(tzinfo=timezone.utc) for name in ("since", "sunset"))
        guide = told["guide"]
    except (KeyError, ValueError):
        faults.add(operation.place, "is deprecated, so x-deprecated says since and sunset (dates) and guide (an address).")
        return {}
    return {
        "deprecation": f"@{int(since.timestamp())}",  # RFC 9745
        "sunset": format_datetime(sunset, usegmt=True),  # RFC 8594
        "deprecation_link": f'<{guide}>; rel="deprecation"',
    }


def column_type(node: dict, items: dict | None) -> str:
    kinds = [kind for kind in type_names(node) if kind != "null"]
    kind = kinds[0] if len(kinds) == 1 else "object"
    if kind == "array" and items is not None:
        inner = column_type(items, None)
        return "jsonb" if inner == "jsonb" else f"{inner}[]"
    if kind in ("array", "object"):
        return "jsonb"
    return COLUMN_TYPES.get((kind, node.get("format") if kind == "string" else None), "text")


def fallback_text(value) -> str | None:
    if value is None:
        return None
    return str(value).lower() if isinstance(value, bool) else str(value)


class Operations:
    def __init__(self, document: Document, statements: dict[str, Statement], faults: Faults):
        self.document, self.statements, self.faults = document, statements, faults
        self.requests, self.replies = Requests(document, faults), Replies(document, faults)

    def load(self) -> list[Operation]:
        operations = []
        for path, item in self.document.root["paths"].items():
            item = self.document.resolve(item)
            for method in METHODS:
                if method in item:
                    operations.append(self._load_one(path, method, item))
        self._check_ids(operations)
        return sorted(operations, key=lambda o: (o.path.encode(), o.method.encode()))

    def _check_ids(self, operations: list[Operation]) -> None:
        seen: dict[str, Operation] = {}
        for operation in operations:
            other = seen.setdefault(operation.id, operation)
            if other is not operation:
                self.faults.add(
                    operation.place,
                    f"the operationId stands twice: {other.method} {other.path} and "
                    f"{operation.method} {operation.path}.",
                )

    def _load_one(self, path: str, method: str, item: dict) -> Operation:
        entry = item[method]
        operation = Operation(
            id=entry.get("operationId", f"{method.upper()} {path}"),
            method=method.upper(),
            path=path,
            roles=[],
            parameters=[],
            raw_body=entry.get("x-raw-body", False),
            exports=entry.get("x-export", False),
            alone=entry.get("x-alone", False),
            on_record=entry.get("x-on-record", False) or entry.get("x-export", False),
            personal=entry.get("x-personal", True),
            max_body=entry.get("x-max-body", DEFAULT_MAX_BODY),
            handler=EXPORT_HANDLER if entry.get("x-export") else entry.get("x-handler"),
            manner=entry.get("x-manner", "own"),
            gate=entry.get("x-gate"),
        )
        self._check_ways(operation)
        if not re.fullmatch(r"[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*", operation.id):
            self.faults.add(operation.place, "has no operationId of the form resource.action.")
        operation.deprecation = deprecation_headers(operation, entry, self.faults)
        self._load_roles(operation, entry)
        self._load_parameters(operation, item.get("parameters", []) + entry.get("parameters", []))
        self._load_body(operation, entry)
        self._load_reply(operation, entry)
        self._load_work(operation, entry)
        return operation

    def _load_roles(self, operation: Operation, entry: dict) -> None:
        roles = entry.get("x-roles")
        if not roles or not isinstance(roles, list):
            self.faults.add(operation.place, "names no x-roles; what everybody may call says [public].")
            return
        for role in roles:
            if role not in ROLES and role != "public":
                self.faults.add(operation.place, f"names the unknown role {role!r} in x-roles.")
        if "public" in roles and len(roles) > 1:
            self.faults.add(operation.place, "names public and other roles in x-roles.")
        operation.roles = [role for role in ROLES if role in roles]
        operation.scopes = list(entry.get("x-scopes", []))
        for scope in operation.scopes:
            if scope not in SCOPES:
                self.faults.add(operation.place, f"names the unknown scope {scope!r} in x-scopes.")
        if "client" in operation.roles and not operation.scopes:
            self.faults.add(operation.place, "lets the role client in, but names no x-scopes for it.")
        if operation.scopes and not operation.roles:
            self.faults.add(operation.place, "is public, and names x-scopes.")

    def _check_ways(self, operation: Operation) -> None:
        if operation.manner not in MANNERS:
            self.faults.add(operation.place, f"has the unknown x-manner {operation.manner!r}; known are {', '.join(MANNERS)}.")
            operation.manner = "own"
        if operation.gate is not None and operation.gate not in GATES:
            self.faults.add(operation.place, f"has the unknown x-gate {operation.gate!r}; known are {', '.join(GATES)}.")
            operation.gate = None

    def _load_parameters(self, operation: Operation, nodes: list) -> None:
        for node in map(self.document.resolve, nodes):
            name, place = node.get("name", "?"), node.get("in")
            if place not in ("path", "query", "header"):
                self.faults.add(operation.place, f"the parameter {name} is in {place!r}, not path, query or header.")
                continue
            schema = self.document.resolve(node.get("schema", {}))
            items = self.document.resolve(schema["items"]) if "items" in schema else None
            operation.parameters.append(
                Parameter(
                    name=name,
                    place=place,
                    schema=self.requests.compile(schema, f"{operation.place}, parameter {name}"),
                    required=bool(node.get("required", False)),
                    fallback=fallback_text(schema.get("default")),
                    type=column_type(schema, items),
                )
            )
        self._check_path(operation)
        self._load_suffix(operation)

    def _load_suffix(self, operation: Operation) -> None:
        """`/open311/v2/services.{format}`: what stands behind the last dot says in which form the reply comes."""
        match = re.search(r"[^/]\.\{([^}/]*)\}$", operation.path)
        if not match:
            return
        operation.suffix = next((p for p in operation.parameters if p.place == "path" and p.name == match[1]), None)
        values = operation.suffix.schema.values if operation.suffix else ()
        if not values or set(values) - set(FORMATS):
            self.faults.add(operation.place, f"ends in .{{{match[1]}}}, which is no enum of {', '.join(FORMATS)}.")

    def _check_path(self, operation: Operation) -> None:
        in_path = re.findall(r"\{([^}]*)\}", operation.path)
        declared = {p.name for p in operation.parameters if p.place == "path"}
        for name in in_path:
            if name not in declared:
                self.faults.add(operation.place, f"the path parameter {name} is not declared.")
        for name in sorted(declared - set(in_path)):
            self.faults.add(operation.place, f"declares the path parameter {name}, which is not in {operation.path}.")
        if len(in_path) > MAX_PATH_PARAMETERS:
            self.faults.add(operation.place, f"has more than {MAX_PATH_PARAMETERS} parameters in its path.")

    def _load_body(self, operation: Operation, entry: dict) -> None:
        if "requestBody" not in entry:
            return
        body = self.document.resolve(entry["requestBody"])
        operation.body_required = bool(body.get("required", False))
        if operation.raw_body:
            operation.media_types = sorted(body.get("content", {}))
            return
        operation.form = FORM in body.get("content", {})
        if operation.form:
            operation.media_types = sorted(body["content"])
            self._load_pictures(operation, entry)
        content = body.get("content", {}).get(FORM if operation.form else JSON)
        if content is None or "schema" not in content or set(operation.media_types) - {FORM, MULTIPART}:
            self.faults.add(operation.place, "has a request body that is neither application/json nor a form with a schema.")
            return
        node = self.document.resolve(content["schema"])
        operation.body = self.requests.compile(node, f"{operation.place}, request body", form=operation.form)
        if type_names(node) != ["object"] or is_nullable(node):
            self.faults.add(operation.place, "has a request body that is no object.")
        for name, child in node.get("properties", {}).items():
            child = self.document.resolve(child)
            items = self.document.resolve(child["items"]) if "items" in child else None
            operation.body_types[name] = column_type(child, items)

    def _load_pictures(self, operation: Operation, entry: dict) -> None:
        """A form that may come in parts says which of its fields holds pictures, and how much all parts may be."""
        if MULTIPART not in operation.media_types:
            return
        operation.pictures, operation.max_upload = entry.get("x-pictures"), entry.get("x-max-upload", 0)
        if not operation.pictures or operation.max_upload <= operation.max_body:
            self.faults.add(operation.place, "takes a form in parts without x-pictures, and x-max-upload above its x-max-body.")

    def _load_reply(self, operation: Operation, entry: dict) -> None:
        responses = {str(status): node for status, node in entry.get("responses", {}).items()}
        good = sorted(int(status) for status in responses if re.fullmatch("2[0-9][0-9]", status))
        if not good:
            self.faults.add(operation.place, "declares no success among its responses.")
            return
        operation.status = good[0]
        self._check_problems(operation, set(responses))
        content = self.document.resolve(responses[str(good[0])]).get("content", {})
        operation.streams = "text/event-stream" in content
        where = f"{operation.place}, reply {good[0]}"
        if operation.exports:
            self._load_rows(operation, content, where)
        elif "x-rows" in entry:  # its function writes the reply around the statement's rows
            operation.encoder = self.replies.compile(entry["x-rows"], where)
        elif JSON in content:
            operation.encoder = self.replies.compile(content[JSON].get("schema", {}), where)
        self._load_forms(operation, content, where)

    def _load_forms(self, operation: Operation, content: dict, where: str) -> None:
        """A reply in the form that the path asks for; names of elements only where that may be XML."""
        suffixes = operation.suffix.schema.values if operation.suffix else ()
        for suffix in suffixes:
            if FORMATS.get(suffix) not in content:
                self.faults.add(operation.place, f"takes .{suffix}, but has no {FORMATS.get(suffix)} among its replies.")
        if operation.encoder is None:
            return
        if "xml" in suffixes:
            self.replies.check_elements(operation.encoder, where)
        else:
            self.replies.drop_elements(operation.encoder)

    def _load_rows(self, operation: Operation, content: dict, where: str) -> None:
        if set(content) != set(EXPORT_TYPES) or operation.method != "GET" or not operation.roles:
            self.faults.add(where, f"is an export, so it is a GET of named roles and answers {' and '.join(EXPORT_TYPES)}.")
            return
        operation.encoder = self.replies.compile_rows(content[EXPORT_TYPES[1]].get("schema", {}), where)

    def _check_problems(self, operation: Operation, statuses: set[str]) -> None:
        """Without `default`, each class of refusal that this operation can give must be declared."""
        if "default" in statuses:
            return
        needed = {"400", "500", "503"}
        if operation.roles:
            needed |= {"401", "403"}
        if any(p.place == "path" for p in operation.parameters):
            needed.add("404")
        if operation.body is not None:
            needed |= {"413", "415", "422"}
        if operation.header("if-match"):
            needed |= {"412", "428"}
        for status in sorted(needed - statuses):
            self.faults.add(operation.place, f"declares neither the problem reply {status} nor a default.")

    def _load_work(self, operation: Operation, entry: dict) -> None:
        name = entry.get("x-statement", operation.id)
        statement = self.statements.get(name)
        if operation.handler is not None and not re.fullmatch(r"[a-z][a-z0-9_]*", str(operation.handler)):
            self.faults.add(operation.place, f"names {operation.handler!r} as x-handler, which is no C function.")
        operation.wanted = name
        if "x-rows" in entry and (operation.handler is None or statement is None):
            self.faults.add(operation.place, "says x-rows, so it has a statement, and an x-handler that writes the reply.")
        if statement is None or statement.internal:
            return
        operation.statement = statement
        if operation.status != 204 and operation.encoder is None and (operation.handler is None or operation.exports):
            self.faults.add(operation.place, "has a statement, but its reply is no object that could be encoded.")
        self._bind(operation, statement)

    def _bind(self, operation: Operation, statement: Statement) -> None:
        types, used = [], set()
        for name in statement.parameters:
            source, index, kind = self._source(operation, name)
            if source is None:
                self.faults.add(f"{statement.path}, {operation.id}", f"uses @{name}, which nothing supplies.")
                continue
            used.add((source, index))
            operation.arguments.append((source, index))
            types.append(kind)
        if not statement.types:
            statement.types = types
        elif statement.types != types:
            self.faults.add(
                f"{statement.path}, {operation.id}",
                f"the statement is shared, but its parameters have other types here: {', '.join(types)} "
                f"instead of {', '.join(statement.types)}.",
            )
        if operation.exports and "cursor" not in statement.parameters:
            self.faults.add(statement.path, "is an export's, so it goes on behind @cursor.")
        if operation.handler is None or operation.exports:
            self._check_reached(operation, statement, used)

    def _source(self, operation: Operation, name: str) -> tuple[str | None, int, str]:
        # What stands in the path is the nearest meaning: in /v1/requests/{request_id} it is not the HTTP request's id.
        for place in ("path", "query"):
            if place == "query" and name in RESERVED:
                return f"ARGUMENT_{name.upper()}", 0, RESERVED[name]
            for index, parameter in enumerate(operation.parameters):
                if parameter.place == place and parameter.name == name:
                    return "ARGUMENT_PARAMETER", index, parameter.type
        if operation.body is not None:
            for index, (field_name, _, _) in enumerate(operation.body.properties):
                if field_name == name:
                    return "ARGUMENT_FIELD", index, operation.body_types[name]
        return None, 0, "text"

    def _check_reached(self, operation: Operation, statement: Statement, used: set) -> None:
        """A field that a client may send and nobody reads is a lie of the contract."""
        for index, parameter in enumerate(operation.parameters):
            if parameter.place == "header" or parameter.name in (WRITING if operation.exports else PAGING):
                continue
            if parameter is operation.suffix or operation.gate and parameter.name in GATE_NAMES:
                continue
            if ("ARGUMENT_PARAMETER", index) not in used:
                self.faults.add(
                    operation.place, f"the parameter {parameter.name} reaches no statement: {statement.path} has no "
                    f"@{parameter.name} for it.",
                )  # fmt: skip
        if operation.body is None or ("ARGUMENT_BODY", 0) in used:
            return
        for index, (name, _, _) in enumerate(operation.body.properties):
            if operation.gate and name in GATE_NAMES:
                continue
            if ("ARGUMENT_FIELD", index) not in used:
                self.faults.add(
                    operation.place,
                    f"the field {name} of the body reaches no statement: {statement.path} uses neither @{name} "
                    "nor @body.",
                )


def check_work(operations: list[Operation], faults: Faults) -> None:
    for operation in operations:
        file = f"db/queries/{operation.wanted.replace('.', '/')}.sql"
        if operation.statement is None and (operation.handler is None or operation.exports):
            faults.add(operation.place, f"has neither a statement ({file}) nor an x-handler.")
