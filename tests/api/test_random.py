"""Requests made at random from the contract: no 5xx, and no reply that the contract does not declare."""

import os
import random
import string
from datetime import datetime, timedelta, timezone

import pytest
from support.contract import ROOT, Contract
from support.sse import Stream

SEED = int(os.environ.get("WHISTLED_SEED", "20240513"))
ROUNDS = int(os.environ.get("WHISTLED_RANDOM_ROUNDS", "30"))
CONTRACT = Contract(ROOT / "openapi.yaml")
WILD = ["", " ", "a" * 5000, "\u0000", "井盖\U0001f6a7", "' OR 1=1 --", "{}", "\\", "%00", "../..", -1, 2**63, 1e308, 0.1,
        True, None, [], {}, [[]], {"a": {}}]


class Maker:
    """Values that a schema allows, from the seed."""

    def __init__(self, contract: Contract, seed: int, known: dict):
        self.contract, self.random, self.known = contract, random.Random(seed), known

    def value(self, schema: dict, name: str = "", depth: int = 0):
        schema = self.contract.resolve(schema)
        if "enum" in schema:
            return self.random.choice(schema["enum"])
        kinds = schema.get("type", "object")
        kind = self.random.choice(kinds) if isinstance(kinds, list) else kinds
        return getattr(self, f"_{kind}")(schema, name, depth)

    def _null(self, *_):
        return None

    def _boolean(self, *_):
        return self.random.random() < 0.5

    def _integer(self, schema, *_):
        return self.random.randint(schema.get("minimum", 0), min(schema.get("maximum", 1000), 2**53))

    def _number(self, schema, *_):
        return self.random.uniform(schema.get("minimum", -180), schema.get("maximum", 180))

    def _string(self, schema, name, _):
        if name in self.known and self.random.random() < 0.8:
            return self.random.choice(self.known[name])
        form = schema.get("format")
        if form == "uuid":
            return f"0190a5f0-0000-7000-8000-{self.random.getrandbits(48):012x}"
        if form in ("date-time", "date"):
            moment = datetime.now(timezone.utc) + timedelta(minutes=self.random.randint(-10**5, 10**5))
            return moment.isoformat() if form == "date-time" else moment.date().isoformat()
        least, most = schema.get("minLength", 0), min(schema.get("maxLength", 40), 40)
        alphabet = string.ascii_lowercase + string.digits + "_哨 "
        if "pattern" in schema:
            alphabet = string.ascii_lowercase
        return "".join(self.random.choice(alphabet) for _ in range(self.random.randint(max(least, 1), max(most, 1))))

    def _array(self, schema, name, depth):
        least, most = schema.get("minItems", 0), min(schema.get("maxItems", 3), 3)
        return [self.value(schema["items"], name, depth + 1) for _ in range(self.random.randint(least, most))]

    def _object(self, schema, _, depth):
        wanted = set(schema.get("required", []))
        return {name: self.value(entry, name, depth + 1) for name, entry in schema.get("properties", {}).items()
                if name in wanted or self.random.random() < 0.4 / (depth + 1)}

    def spoil(self, value):
        """One wild value somewhere."""
        if isinstance(value, dict) and value and self.random.random() < 0.9:
            name = self.random.choice(list(value))
            return value | {name: self.spoil(value[name])}
        if isinstance(value, dict) and self.random.random() < 0.3:
            return value | {"unknown": 1}
        return self.random.choice(WILD)


@pytest.fixture(scope="module")
def known(request):
    """Names that lead somewhere, so that the requests come past the first door."""
    from support.world import Clock, Street

    street = Street(request.getfixturevalue("service"), request.getfixturevalue("contract"), Clock(), "street")
    cases = [street.report(category="litter", at="XF-01") for _ in range(5)]
    case = street.report(category="pothole", at="XF-01")
    street.dispatcher.case(case["id"], "accept")
    street.dispatcher.case(case["id"], "register", level="complex")
    case = street.dispatcher.case(case["id"], "whistle", kind="everyday",
                                  tickets=[{"organisation": "city", "role": "lead", "task": "t"}])
    return {
        "case_id": [c["id"] for c in cases] + [case["id"]],
        "ticket_id": [t["id"] for t in case["tickets"]],
        "category": ["litter", "pothole"],
        "organisation": ["city", "water"],
        "area": ["XF-01", "XF", "none"],
    }


@pytest.fixture(scope="module")
def machine(request, known):
    """A client with every scope: by its token, and its key for those operations that want one in the form."""
    from support.client import Client
    from support.world import Clock, Street

    service, contract = request.getfixturevalue("service"), request.getfixturevalue("contract")
    made = Street(service, contract, Clock(), "street").admin.post(
        "/v1/clients", {"name": "Machine", "organisation": "city", "scopes": ["cases:create", "cases:read", "tickets:work", "open311"]})
    reply = Client(service.base, contract, None).form("/v1/oauth/token", {
        "grant_type": "client_credentials", "client_id": made["client_id"], "client_secret": made["client_secret"]})
    known |= {"api_key": [made["api_key"]], "client_id": [made["client_id"]], "client_secret": [made["client_secret"]],
              "grant_type": ["client_credentials"], "jurisdiction_id": ["street"], "service_code": ["o-hole", "o-asked", "o-looked"]}
    return Client(service.base, contract, reply["access_token"], made["client_id"])


def form_of(maker: Maker, schema: dict) -> list:
    """Fields, now and then a wild one or one too many."""
    fields = [(f"{name}[{maker.random.choice('abc')}]" if isinstance(value, dict) else name, value)
              for name, value in maker.value(schema).items()]
    if fields and maker.random.random() < 0.5:
        at = maker.random.randrange(len(fields))
        fields[at] = (fields[at][0], maker.random.choice(WILD))
    return [(name, str(one)) for name, value in fields for one in (value if isinstance(value, list) else [value])]


@pytest.mark.parametrize("operation", CONTRACT.operations, ids=lambda o: o.id)
def test_random_requests(operation, street, anonymous, known, machine, offered):
    maker = Maker(CONTRACT, SEED + sum(map(ord, operation.id)), known)
    roles = {"window_clerk": "clerk", "grid_worker": "grid1", "community": "community_xf", "department": "city"}
    content = operation.entry.get("requestBody", {}).get("content", {})
    for _ in range(ROUNDS):
        role = maker.random.choice(operation.roles)
        gated = operation.entry.get("x-gate")
        client = anonymous if role == "public" or gated else machine if role == "client" else getattr(street, roles.get(role, role))
        path, query, headers = operation.path, [], {}
        for parameter in map(CONTRACT.resolve, operation.parameters):
            name, place = parameter["name"], parameter["in"]
            value = maker.value(parameter["schema"], name)
            if place == "path":
                path = path.replace("{%s}" % name, str(value).replace("/", "_").replace(" ", "_") or "x")
            elif place == "query" and maker.random.random() < 0.3:
                if maker.random.random() < 0.1:
                    value = maker.random.choice(WILD[:10])
                values = value if isinstance(value, list) else [value]
                query += [(name, str(v).lower() if isinstance(v, bool) else v) for v in values]
        if any(p.get("name") == "If-Match" for p in map(CONTRACT.resolve, operation.parameters)):
            headers["If-Match"] = f'"{maker.random.randint(1, 4)}"'
        body = None
        if "application/json" in content:
            body = maker.value(content["application/json"]["schema"])
            if maker.random.random() < 0.5:
                body = maker.spoil(body)
        elif "application/x-www-form-urlencoded" in content:
            fields = form_of(maker, content["application/x-www-form-urlencoded"]["schema"])
            assert client.form(path, fields).status < 500, f"{path} {fields}"
            continue
        elif content:
            kind = maker.random.choice(list(content))
            reply = client.request(operation.method, path, headers=headers | {"Content-Type": kind}, data=b"\x89PNG")
            assert reply.status < 500
            continue
        if "text/event-stream" in CONTRACT.resolve(operation.entry["responses"].get("200", {})).get("content", {}):
            stream = Stream(client, maker.random.choice([None, None, "x"]), read=False,
                            **{name: [v for n, v in query if n == name] for name, _ in query})
            stream.close()
            assert stream.status < 500, f"{query}: {stream.json}"
            continue
        reply = client.request(operation.method, path, body, headers, params=query)
        assert reply.status < 500, f"{operation.method} {path} {query} {body}: {reply}"
