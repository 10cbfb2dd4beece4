"""A client that holds every reply against the contract."""

import json
from datetime import datetime
from urllib.parse import urlencode

import requests

from .contract import Contract


class Reply:
    def __init__(self, response: requests.Response):
        self.status = response.status_code
        self.headers = response.headers
        self.content = response.content
        kind = response.headers.get("Content-Type", "")
        is_json = "json" in kind and "ndjson" not in kind and response.content
        self.json = json.loads(response.content) if is_json else None

    def __getitem__(self, name):
        return self.json[name]

    @property
    def code(self):
        return self.json.get("code") if isinstance(self.json, dict) else None

    @property
    def etag(self):
        return self.headers["ETag"]

    @property
    def pointers(self):
        return sorted(e["pointer"] for e in self.json.get("errors", []))

    def __repr__(self):
        return f"<{self.status} {self.content[:600].decode(errors='replace')}>"


class Client:
    """One caller: a token, and the injected time."""

    def __init__(self, base: str, contract: Contract, token: str | None, name: str = "", clock=None):
        self.base, self.contract, self.token, self.name, self.clock = base, contract, token, name, clock
        self.session = requests.Session()
        self.session.trust_env = False

    def request(self, method: str, path: str, body=None, headers: dict | None = None, **options) -> Reply:
        sent = {"Accept-Language": "en"}
        if self.token:
            sent["Authorization"] = f"Bearer {self.token}"
        if self.clock is not None:
            now: datetime = self.clock.now
            sent["Whistled-Now"] = now.isoformat(timespec="microseconds")
        if body is not None:
            options["data"] = json.dumps(body).encode()
            sent["Content-Type"] = "application/json"
        sent |= headers or {}
        sent = {name: value for name, value in sent.items() if value is not None}
        response = self.session.request(method, self.base + path, headers=sent, timeout=60, **options)
        self.contract.check(method, path.split("?")[0], response.status_code, response.headers, response.content)
        return Reply(response)

    def get(self, path: str, **params) -> Reply:
        return self.request("GET", path, params={k: v for k, v in params.items() if v is not None})

    def post(self, path: str, body=None, etag: str | None = None, key: str | None = None, **headers) -> Reply:
        headers = {k.replace("_", "-"): v for k, v in headers.items()}
        return self.request("POST", path, {} if body is None else body,
                            {"If-Match": etag, "Idempotency-Key": key} | headers)

    def form(self, path: str, fields, key: str | None = None, **headers) -> Reply:
        """A form: pairs, or a mapping whose lists are repeated fields."""
        pairs = fields.items() if isinstance(fields, dict) else fields
        data = urlencode([(name, one) for name, value in pairs for one in (value if isinstance(value, list) else [value])])
        sent = {"Content-Type": "application/x-www-form-urlencoded", "Idempotency-Key": key} | headers
        return self.request("POST", path, headers=sent, data=data.encode())

    def patch(self, path: str, body, etag: str | None = None) -> Reply:
        return self.request("PATCH", path, body, {"If-Match": etag})

    # One helper per step of a story: each reads the object for its ETag and acts.
    def act(self, kind: str, object_id: str, action: str, expect: int = 200, /, **body) -> Reply:
        """POST an action with the object's current version."""
        path = f"/v1/{kind}/{object_id}"
        current = self.get(path)
        etag = current.etag if current.status == 200 else '"0"'
        reply = self.post(f"{path}/{action}", body, etag)
        assert reply.status == expect, f"{self.name}: {action}: {reply}"
        return reply

    def case(self, case_id: str, action: str, expect: int = 200, /, **body) -> Reply:
        return self.act("cases", case_id, action, expect, **body)

    def ticket(self, ticket_id: str, action: str, expect: int = 200, /, **body) -> Reply:
        return self.act("tickets", ticket_id, action, expect, **body)
