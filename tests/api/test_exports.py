"""Exports: what is in them, who may take them, how they are written, how they end, and what is on record of them."""

import csv
import gzip
import io
import json

import pytest
import requests
from support.world import Clock, iso
from test_story_complex import whistled

CASES, TICKETS = "/v1/cases/export", "/v1/tickets/export"


def lines(reply) -> list[dict]:
    assert reply.status == 200, reply
    assert reply.headers["Content-Type"] == "application/x-ndjson"
    assert reply.content.endswith(b"\n") or not reply.content
    return [json.loads(line) for line in reply.content.split(b"\n") if line]


def table(reply) -> list[dict]:
    assert reply.status == 200, reply
    assert reply.headers["Content-Type"] == "text/csv; charset=utf-8; header=present"
    return list(csv.DictReader(io.StringIO(reply.content.decode("utf-8-sig"), newline="")))


def flat(row: dict, prefix: str = "") -> dict:
    """The columns of CSV that a line of JSON stands for."""
    cells = {}
    for name, value in row.items():
        if isinstance(value, dict):
            cells |= flat(value, f"{prefix}{name}.")
        else:
            cells[prefix + name] = value
    return cells


def cell(value) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return ";".join(value) if isinstance(value, list) else str(value)


# What is in them ------------------------------------------------------------------------------------------------------


def test_lines_are_what_the_list_says(street, clock, unique):
    case = street.report(at="XF-01", title=unique, reporter={"name": "吕秀英", "phone": "13900000701"})
    listed = street.dispatcher.get("/v1/cases", number=case["number"])["items"][0]
    [row] = lines(street.dispatcher.get(CASES, q=unique, format="ndjson"))
    assert set(listed) - set(row) == {"allowed_actions"}
    assert {name: row[name] for name in row if name in listed} == {n: v for n, v in listed.items() if n in row}
    assert (row["lead"], row["rating"], row["closed_at"], row["external_numbers"]) == (None, None, None, [])


def test_csv_says_the_same_as_json(street, unique):
    for at in ("XF-01", "CA-01", None):
        street.report(at=at, title=unique, address="Somewhere, \"here\"\r\nand there", tags=["petition", "accident"])
    rows = lines(street.dispatcher.get(CASES, q=unique, format="ndjson"))
    cells = table(street.dispatcher.get(CASES, q=unique, format="csv"))
    assert len(rows) == len(cells) == 3
    for row, line in zip(rows, cells):
        for name, value in flat(row).items():
            # Of an object that is null JSON has no inner names.
            inner = [n for n in line if n.startswith(f"{name}.")]
            assert [line[n] for n in inner] == [""] * len(inner) if inner else line[name] == cell(value), name


def test_a_closed_case_has_its_end(street, clock, unique):
    street.dispatcher  # noqa: B018 - everybody is somebody else in this story
    case = street.report(at="XF-01", title=unique)
    for action, body in (("accept", {}), ("register", {"level": "ordinary"}), ("start-source", {}),
                         ("source-done", {"result": "Cleared away", "reply": "It is gone"})):
        clock.forward(minutes=1)
        street.grid1.case(case["id"], action, **body)
    street.community_xf.case(case["id"], "check", **{"pass": True, "point": street.point("XF-01")})
    street.citizen.case(case["id"], "rate", contacted=True, solved="yes", satisfied=4, comment="=quick")
    [row] = lines(street.leader.get(CASES, q=unique, format="ndjson"))
    assert (row["state"], row["result"], row["reply"]) == ("closed", "Cleared away", "It is gone")
    assert row["closed_at"] == iso(clock.now)
    assert row["rating"] == {"contacted": True, "solved": "yes", "satisfied": 4, "comment": "=quick", "rated_at": iso(clock.now)}
    [line] = table(street.leader.get(CASES, q=unique))
    assert (line["rating.satisfied"], line["rating.comment"]) == ("4", "'=quick")


def test_tickets(street, unique):
    case = whistled(street)
    both = lines(street.dispatcher.get(TICKETS, case=case["id"], format="ndjson"))
    assert {t["organisation"]["code"] for t in both} == {"city", "water"}
    listed = {t["id"]: t for t in street.dispatcher.get("/v1/tickets", case=case["id"])["items"]}
    for row in both:
        same = listed[row["id"]]
        assert set(same) - set(row) == {"allowed_actions"} and set(row) - set(same) == {"result", "reply"}
        assert all(row[name] == same[name] for name in same if name in row)
    [own] = table(street.water.get(TICKETS, case=case["id"]))
    assert own["organisation.code"] == "water"
    assert table(street.water.get(TICKETS, case=case["id"], organisation="city")) == []


@pytest.mark.parametrize("param,value,found", [
    ("category", "litter", "litter"), ("category", ["litter", "advice"], "both"), ("area", "XF", "litter"),
    ("area", "none", "advice"), ("status", "open", "both"), ("status", "closed", ""), ("level", "complex", ""),
    ("kind", "problem", "both"), ("source", "resident_app", "both"), ("source", "patrol", ""), ("mine", "true", ""),
    ("mine", "false", "both"), ("overdue", "true", ""), ("overdue", "false", "both"),
])
def test_filters_are_those_of_the_list(street, unique, param, value, found):
    made = {"litter": street.report(category="litter", at="XF-01", title=unique)["id"],
            "advice": street.report(category="advice", title=unique, address="Somewhere")["id"]}
    rows = lines(street.dispatcher.get(CASES, q=unique, format="ndjson", **{param: value}))
    expected = set(made.values()) if found == "both" else {made[found]} if found else set()
    assert {row["id"] for row in rows} == expected


def test_periods_are_half_open(street, clock, unique):
    made = []
    for _ in range(4):
        clock.forward(minutes=10)
        made.append((street.report(at="XF-02", title=unique)["id"], iso(clock.now)))

    def found(client=street.dispatcher, **params):
        return [row["id"] for row in lines(client.get(CASES, q=unique, format="ndjson", **params))]

    ids = [case_id for case_id, _ in made]
    assert found(received_from=made[1][1]) == ids[1:]
    assert found(received_to=made[2][1]) == ids[:2]
    assert found(received_from=made[1][1], received_to=made[3][1]) == ids[1:3]
    assert found(received_from=made[3][1], received_to=made[3][1]) == []
    assert found(received_from=iso(clock.forward(days=900))) == []
    assert found(after=ids[1]) == ids[2:]
    assert found(received_from=made[1][1], after=ids[2]) == ids[3:]
    assert found(received_to=made[2][1], after=ids[2]) == []


# Who ------------------------------------------------------------------------------------------------------------------


def test_who_may(street, anonymous):
    for path, may in ((CASES, {"dispatcher", "leader", "supervisor", "auditor", "community_xf"}),
                      (TICKETS, {"dispatcher", "leader", "supervisor", "auditor", "community_xf", "city"})):
        for name in ("citizen", "grid1", "clerk", "property", "admin", "city", *may):
            reply = getattr(street, name).get(path, received_from=None, after="ffffffff-ffff-7fff-bfff-ffffffffffff")
            assert reply.status == (200 if name in may else 403), (name, reply)
        assert anonymous.get(path).status == 401


def test_sight_and_masks_are_those_of_the_list(street, elsewhere, unique):
    here = street.report(at="XF-01", title=unique, reporter={"name": "吕秀英", "phone": "13900000701"})["id"]
    there = street.report(at="CA-01", title=unique, reporter={"name": "王小明", "phone": "13900000702"})["id"]

    def found(client, **params):
        return {row["id"]: row["reporter"] for row in lines(client.get(CASES, q=unique, format="ndjson", **params))}

    assert set(found(street.dispatcher)) == {here, there}
    assert found(street.community_xf).keys() == {here} and found(street.community_ca).keys() == {there}
    assert found(street.community_xf)[here]["phone"] == "13900000701"
    assert found(street.auditor)[here] | {} == found(street.dispatcher)[here] | {"name": "吕**", "phone": "139****0701"}
    assert found(elsewhere.dispatcher) == {}
    narrowed = street.client("dispatcher", ["dispatcher"], areas=["CA"])
    assert found(narrowed).keys() == {there}
    both = street.client("community_xf", ["community", "dispatcher"])
    assert found(both).keys() == {here}


def test_somebody_unknown_or_retired(street):
    assert street.client("nobody", ["dispatcher"]).get(CASES).code == "unknown_subject"
    assert street.client("citizen", ["dispatcher"]).get(CASES).code == "insufficient_role"


# How they are written -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("accept,params,kind", [
    ("*/*", {}, "csv"), (None, {}, "csv"), ("text/csv", {}, "csv"), ("application/x-ndjson", {}, "ndjson"),
    ("text/csv;q=0.1, application/x-ndjson", {}, "ndjson"), ("application/json", {"format": "csv"}, "csv"),
    ("text/csv", {"format": "ndjson"}, "ndjson"),
])
def test_which_form(street, accept, params, kind):
    last = {"after": "ffffffff-ffff-7fff-bfff-ffffffffffff"}
    reply = street.dispatcher.request("GET", CASES, headers={"Accept": accept}, params=params | last)
    assert reply.status == 200
    assert kind in reply.headers["Content-Type"]
    assert f"cases-{Clock.real():%Y%m%d}.{kind}" in reply.headers["Content-Disposition"]
    assert reply.headers["Cache-Control"] == "no-store" and "Accept" in reply.headers["Vary"]
    assert reply.content == b"" if kind == "ndjson" else reply.content.count(b"\r\n") == 1


def test_no_form_at_all(street):
    for accept in ("application/json", "text/html", "text/csv;q=0"):
        reply = street.dispatcher.request("GET", CASES, headers={"Accept": accept})
        assert (reply.status, reply.code) == (406, "not_acceptable")


def test_wrong_parameters_are_all_named(street):
    reply = street.dispatcher.get(CASES, format="xls", header="fr", times="unix", bom="2", limit=5, received_from="now")
    assert reply.status == 422
    assert reply.pointers == [f"query.{name}" for name in ("bom", "format", "header", "limit", "received_from", "times")]


def test_for_excel(street, clock, unique):
    case = street.report(at="XF-01", title=unique)
    reply = street.dispatcher.get(CASES, q=unique, header="zh", times="local", bom="true")
    assert reply.content.startswith(b"\xef\xbb\xbf" + "编号,案件号,".encode())
    [line] = table(reply)
    assert line["案件号"] == case["number"] and line["网格名称"] == "Grid XF-01"
    assert line["受理时间"] == clock.now.strftime("%Y-%m-%d %H:%M:%S")
    plain = street.dispatcher.get(CASES, q=unique).content
    assert plain.startswith(b"id,number,version,") and iso(clock.now).encode() in plain


def test_lines_end_and_cells_are_quoted(street, unique):
    street.report(at="XF-01", title=f'{unique} a,"b"', description="one\ntwo\r\nthree")
    content = street.dispatcher.get(CASES, q=unique).content
    assert f'"{unique} a,""b""","one\ntwo\r\nthree"'.encode() in content
    assert content.endswith(b"\r\n")


FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", '=cmd|" /C calc"!A0', "＝1+1", "＋1", "－1", "＠x"]


def test_nothing_that_a_resident_writes_is_a_formula(street, unique):
    for text in FORMULAS:
        street.report(at="XF-01", description=f"{text} {unique}", reporter={"name": text[:20]}, address=text)
    found = table(street.dispatcher.get(CASES, q=unique))
    assert [line["description"] for line in found] == [f"'{text} {unique}" for text in FORMULAS]
    assert [line["address"] for line in found] == [f"'{text}" for text in FORMULAS]
    assert [line["reporter.name"] for line in found] == [f"'{text[:20]}" for text in FORMULAS]
    rows = lines(street.dispatcher.get(CASES, q=unique, format="ndjson"))
    assert [row["description"] for row in rows] == [f"{text} {unique}" for text in FORMULAS]
    # A number below zero is one.
    assert not any(line["location.lon"].startswith("'") for line in found)


def test_packed_when_asked(street, unique):
    street.report(at="XF-01", title=unique)
    plain = street.dispatcher.request("GET", CASES, params={"q": unique}, headers={"Accept-Encoding": "identity"})
    assert "Content-Encoding" not in plain.headers
    packed = requests.get(street.service.base + CASES, params={"q": unique}, stream=True, timeout=60, headers={
        "Authorization": f"Bearer {street.dispatcher.token}", "Accept-Encoding": "gzip"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.raw.read(decode_content=False)) == plain.content


def test_head_takes_nothing(street, db):
    before = db.execute("SELECT count(*) FROM exports").fetchone()
    assert street.dispatcher.request("HEAD", CASES).status == 200
    assert street.citizen.request("HEAD", CASES).status == 403
    assert db.execute("SELECT count(*) FROM exports").fetchone() == before


def test_the_connection_lives_on(street):
    last = {"after": "ffffffff-ffff-7fff-bfff-ffffffffffff"}
    for _ in range(3):
        assert street.dispatcher.get(CASES, **last).status == 200
        assert street.dispatcher.get("/v1/me").status == 200


# On record ------------------------------------------------------------------------------------------------------------


def test_each_leaves_a_record(street, clock, unique):
    for _ in range(3):
        street.report(at="XF-01", title=unique)
    street.leader.request("GET", CASES, params={"q": unique, "status": ["received", "closed"]},
                          headers={"X-Request-Id": unique})
    records = street.auditor.get("/v1/audit-exports", person=street.person("leader"), count="exact")
    record = next(r for r in records["items"] if r["request_id"] == unique)
    assert record["operation"] == "cases.export" and record["rows"] == 3
    assert record["filter"] == {"q": unique, "status": ["received", "closed"]}
    assert record["person"] == {"kind": "person", "id": street.person("leader"), "name": "L*********"}
    assert record["begun_at"] == record["handed_at"] == record["ended_at"] == iso(clock.now)
    assert records["total"] >= 1
    later = iso(clock.forward(seconds=1))
    assert unique not in {r["request_id"] for r in street.leader.get("/v1/audit-exports", **{"from": later})["items"]}
    assert unique in {r["request_id"] for r in street.leader.get("/v1/audit-exports", to=later, limit=200)["items"]}
    for name in ("dispatcher", "supervisor", "admin", "city"):
        assert getattr(street, name).get("/v1/audit-exports").status == 403


def test_a_refusal_leaves_none(street, db):
    before = db.execute("SELECT count(*) FROM exports").fetchone()
    street.citizen.get(CASES)
    street.client("citizen", ["dispatcher"]).get(CASES)
    street.dispatcher.get(CASES, format="xls")
    assert db.execute("SELECT count(*) FROM exports").fetchone() == before


def test_names_are_the_newest(street, unique):
    code = f"dept-{unique}"
    made = street.admin.post("/v1/organisations", {"code": code, "kind": "department", "name": "Before"})
    assert made.status == 201
    case = whistled(street, organisations=(code,))

    def shown(**params):
        [row] = table(street.dispatcher.get(TICKETS, case=case["id"], **params))
        [same] = lines(street.dispatcher.get(TICKETS, case=case["id"], format="ndjson"))
        assert same["organisation"]["name"] == row["organisation.name"]
        return row["organisation.name"]

    assert shown() == "Before"
    edited = street.admin.patch(f"/v1/organisations/{code}", {"name": "=After"}, street.admin.get(f"/v1/organisations/{code}").etag)
    assert edited.status == 200
    [row] = table(street.dispatcher.get(TICKETS, case=case["id"]))
    assert row["organisation.name"] == "'=After"
