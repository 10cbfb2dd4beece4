"""An Open311 app as third parties write them: one form of replies, a street, perhaps a key. Both forms give the same values."""

from xml.etree import ElementTree

import psycopg

from .client import Client, Reply
from .world import GRIDS, SIDE

QUESTIONS = """[
    {"code": "depth", "zh": "深度", "en": "Depth", "type": "number", "required": true},
    {"code": "holes", "zh": "坑数", "en": "Holes", "type": "integer", "required": false},
    {"code": "hurt", "zh": "是否有人受伤", "en": "Anybody hurt", "type": "boolean", "required": false},
    {"code": "since", "zh": "起始日期", "en": "Since", "type": "date", "required": false},
    {"code": "near", "zh": "附近", "en": "Near", "type": "text", "required": false},
    {"code": "size", "zh": "大小", "en": "Size", "type": "choice", "required": false,
     "values": [{"code": "s", "zh": "小", "en": "Small"}, {"code": "l", "zh": "大", "en": "Large"}]},
    {"code": "what", "zh": "种类", "en": "What", "type": "choices", "required": false,
     "values": [{"code": "a", "zh": "甲", "en": "A & B"}, {"code": "b", "zh": "乙", "en": "<B>"}, {"code": "c", "zh": "丙", "en": "C"}]}
]"""
# code: (offer, description published, questions)
OFFERED = {
    "o-hole": ("realtime", True, "[]"),
    "o-quiet": ("realtime", False, "[]"),
    "o-looked": ("batch", True, "[]"),
    "o-asked": ("realtime", True, QUESTIONS),
}
LON, LAT = (round(value + SIDE / 2, 6) for value in GRIDS["XF-01"])
PLACE = {"lat": LAT, "long": LON}


def offer(url: str, tenant: str) -> None:
    """Categories for third parties, beside those that are none of theirs."""
    with psycopg.connect(url) as connection:
        connection.execute("SET search_path = whistled, public")
        for number, (code, (how, described, questions)) in enumerate(OFFERED.items()):
            connection.execute(
                "INSERT INTO categories (tenant, code, class, name, name_en, lead_organisation, on_scene, photo_required, "
                "default_level, questions, ordinal, open311, open311_description) "
                "VALUES (%s, %s, 'tests', %s, %s, 'city', false, false, 'ordinary', %s, %s, %s, %s) ON CONFLICT DO NOTHING",
                (tenant, code, f"坑 {code} <&>", f"Hole {code} <&>", questions, 900 + number, how, described))


class Answer:
    """A reply, and what it says whatever its form."""

    def __init__(self, reply: Reply, value):
        self.reply, self.status, self.headers, self.content, self.value = reply, reply.status, reply.headers, reply.content, value

    @property
    def one(self) -> dict:
        assert self.status == 200 and len(self.value) == 1, self
        return self.value[0]

    @property
    def ids(self) -> list[str]:
        assert self.status == 200, self
        return [one["service_request_id"] for one in self.value]

    @property
    def said(self) -> str:
        """What is wrong, all of it."""
        assert self.status >= 400 and {e["code"] for e in self.value} == {self.status}, self
        return " | ".join(e["description"] for e in self.value)

    def __repr__(self):
        return f"<{self.status} {self.content[:1500].decode(errors='replace')}>"


class App:
    def __init__(self, client: Client, form: str, key: str | None = None, jurisdiction: str | None = "street"):
        self.client, self.form, self.key, self.jurisdiction = client, form, key, jurisdiction

    def _path(self, path: str) -> str:
        return path if path.startswith("/open311/") else f"/open311/v2/{path}.{self.form}"

    def _own(self) -> dict:
        return {name: value for name, value in (("jurisdiction_id", self.jurisdiction), ("api_key", self.key)) if value}

    def _answer(self, reply: Reply, method: str, path: str) -> Answer:
        if not reply.content or "xml" not in reply.headers.get("Content-Type", ""):
            return Answer(reply, reply.json)
        contract = self.client.contract
        operation = contract.find(method, path)
        responses = operation.entry["responses"] if operation else {}
        entry = contract.resolve(responses.get(str(reply.status)) or {"$ref": "#/components/responses/Open311Refused"})
        schema = entry["content"]["text/xml"]["schema"]
        return Answer(reply, contract.from_xml(ElementTree.fromstring(reply.content), schema, path))

    def get(self, path: str, headers: dict | None = None, method: str = "GET", **params) -> Answer:
        path = self._path(path)
        sent = {name: value for name, value in (self._own() | params).items() if value is not None}
        return self._answer(self.client.request(method, path, headers=headers, params=sent), "GET", path)

    def post(self, path: str, fields=(), key: str | None = None, **more) -> Answer:
        path = self._path(path)
        pairs = list(self._own().items()) if fields is not None else []
        pairs += list(fields.items() if isinstance(fields, dict) else fields or ())
        pairs += list(more.items())
        return self._answer(self.client.form(path, [(n, v) for n, v in pairs if v is not None], key), "POST", path)

    def report(self, code: str = "o-hole", **more) -> str:
        """The number of a new request."""
        answer = self.post("requests", {"service_code": code, "description": "There is a hole"} | PLACE | more)
        return answer.one["service_request_id"]

    def seen(self, number: str, **more) -> dict:
        return self.get(f"requests/{number}", **more).one
