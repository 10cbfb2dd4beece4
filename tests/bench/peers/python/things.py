"""What all parts of the peer share: a request on its way, refusals, ids, bodies."""

import hashlib
import json
import os
import re
import time
from datetime import datetime, timedelta, timezone

LOCAL = timezone(timedelta(hours=8))  # Asia/Shanghai has had no other offset for decades
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class NotMeasured(Exception):
    """Not in the benchmark."""


class Refusal(Exception):
    def __init__(self, code: str, pointer: str | None = None, detail: dict | None = None, faults: list | None = None, bearer: str | None = None):
        self.code, self.pointer, self.detail, self.faults, self.bearer = code, pointer, detail or {}, faults or [], bearer


class Call:
    """One request on its way."""

    def __init__(self, request, token: dict, roles: list[str], operation: str, raw: bytes):
        self.request, self.token, self.roles, self.operation, self.raw = request, token, roles, operation, raw
        self.id = request.path_params.get("id", "")
        self.action = operation.split(".")[1]
        self.now = datetime.now(timezone.utc)
        self.tenant, self.subject = token["tenant"], token["sub"]


def new_id() -> str:
    """UUIDv7."""
    value = int(time.time() * 1000) << 80 | int.from_bytes(os.urandom(10), "big")
    value = value & ~(0xF << 76) | 7 << 76
    value = value & ~(3 << 62) | 2 << 62
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def iso(moment: datetime | None) -> str | None:
    """A time as the API writes it."""
    return moment and moment.astimezone(LOCAL).isoformat(timespec="milliseconds")


def as_moment(value: str | datetime | None) -> datetime | None:
    """What was read in a list came as text, what the action itself wrote did not."""
    return datetime.fromisoformat(value) if isinstance(value, str) else value


KINDS = {
    "null": lambda v: v is None, "string": lambda v: isinstance(v, str), "boolean": lambda v: isinstance(v, bool),
    "number": lambda v: isinstance(v, (int, float)) and not isinstance(v, bool),
    "integer": lambda v: isinstance(v, int) and not isinstance(v, bool) or isinstance(v, float) and v.is_integer(),
    "array": lambda v: isinstance(v, list), "object": lambda v: isinstance(v, dict),
}


def check_text(schema: dict, text: str) -> str | None:
    if len(text) < schema.get("minLength", 0):
        return "too_short"
    if len(text) > schema.get("maxLength", len(text)):
        return "too_long"
    if "pattern" in schema and not re.search(schema["pattern"], text):
        return "pattern_mismatch"
    return "bad_format" if schema.get("format") == "uuid" and not UUID.fullmatch(text.lower()) else None


def check(schema: dict, value, pointer: str, faults: list) -> None:
    """The part of JSON Schema that the contract uses; all faults at once."""
    kinds = schema.get("type")
    code = None
    if kinds and not any(KINDS[kind](value) for kind in ([kinds] if isinstance(kinds, str) else kinds)):
        code = "wrong_type"
    elif "enum" in schema and value not in schema["enum"]:
        code = "not_in_enum"
    elif isinstance(value, str):
        code = check_text(schema, value)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        code = "too_small" if value < schema.get("minimum", value) else "too_large" if value > schema.get("maximum", value) else None
    elif isinstance(value, list):
        size = len(value)
        code = "too_few_items" if size < schema.get("minItems", 0) else "too_many_items" if size > schema.get("maxItems", size) else None
        for i, item in enumerate(value):
            check(schema["items"], item, f"{pointer}/{i}", faults)
    elif isinstance(value, dict):
        check_object(schema, value, pointer, faults)
    if code:
        faults.append((pointer, code))


def check_object(schema: dict, value: dict, pointer: str, faults: list) -> None:
    properties = schema.get("properties")
    faults += [(f"{pointer}/{name}", "required") for name in schema.get("required", ()) if name not in value]
    for name, inner in value.items() if properties is not None else ():
        if name in properties:
            check(properties[name], inner, f"{pointer}/{name}", faults)
        else:
            faults.append((f"{pointer}/{name}", "unknown_field"))


def read_body(app, call: Call) -> dict:
    if len(call.raw) > 65536:
        raise Refusal("body_too_large")
    if not call.request.headers.get("content-type", "").startswith("application/json"):
        raise Refusal("unsupported_media_type")
    try:
        body = json.loads(call.raw)
    except ValueError:
        raise Refusal("malformed_json") from None
    faults: list = []
    check(app.dict.bodies[call.operation], body, "", faults)
    if faults:
        raise Refusal("invalid_body", faults=faults)
    return body


def point_of(body: dict, name: str) -> dict | None:
    """A point in WGS 84; the shifted systems of the map services are not in the benchmark."""
    point = body.get(name)
    if point and point.get("coord_sys", "wgs84") != "wgs84":
        raise NotMeasured
    return point


async def take_key(app, connection, call: Call, object_id: str) -> str | None:
    """Writes the key first: who comes second with the same key waits here for the first, and finds what it did."""
    headers = call.request.headers
    key = headers.get("idempotency-key", "").strip('"')
    if not key:
        return None
    text = f"{call.request.method}\0{call.request.url.path}\0{headers.get('if-match', '')}\0".encode()
    fingerprint = hashlib.sha256(text + call.raw).hexdigest()
    if await app.row(connection, "key_insert", call.tenant, call.subject, call.operation, key, fingerprint, object_id):
        return None
    before = await app.row(connection, "key_find", call.tenant, call.subject, call.operation, key)
    if before["fingerprint"] != fingerprint:
        raise Refusal("idempotency_key_reused")
    return before["object_id"]
