"""Open311 GeoReport v2: discovery, services and their definitions; forms, addresses, refusals, and what browsers want."""

import json
from datetime import datetime, timedelta
import re
from xml.etree import ElementTree

import psycopg
import pytest
import requests
from support.client import Client
from support.open311 import OFFERED, App
from support.service import Service
from support.world import build_world, iso


def test_discovery(reader, street):
    answer = reader.get("/open311/discovery." + reader.form)
    assert answer.status == 200 and answer.value["contact"] and answer.value["key_service"]
    (endpoint,) = answer.value["endpoints"]
    assert endpoint["url"] == reader.client.base + "/open311/v2" and endpoint["type"] == "production"
    assert endpoint["specification"] == "http://wiki.open311.org/GeoReport_v2"
    assert endpoint["formats"] == ["text/xml", "application/json"]
    assert requests.get(f"{endpoint['url']}/services.json?jurisdiction_id=street", timeout=10).status_code == 200
    # A change of what is offered shows.
    street.clock.now = datetime.fromisoformat(answer.value["changeset"]) + timedelta(seconds=1)
    edited = street.admin.get("/v1/categories/advice")
    assert street.admin.patch("/v1/categories/advice", {"en": f"Advice {street.clock.now}"}, edited.etag).status == 200
    later = reader.get("/open311/discovery." + reader.form)
    assert later.value["changeset"] == iso(street.clock.now) and later.headers["ETag"] != answer.headers["ETag"]


def test_services(reader):
    answer = reader.get("services")
    found = {one["service_code"]: one for one in answer.value}
    assert set(OFFERED) == set(found), "what nobody offered is not there"
    assert found["o-hole"] == {
        "service_code": "o-hole", "service_name": "Hole o-hole <&>", "description": "tests: Hole o-hole <&>", "metadata": False,
        "type": "realtime", "keywords": "tests, 坑 o-hole <&>, Hole o-hole <&>", "group": "tests"}  # fmt: skip
    assert found["o-looked"]["type"] == "batch" and found["o-asked"]["metadata"] is True
    chinese = reader.get("services", headers={"Accept-Language": "zh-CN"})
    assert "坑 o-hole <&>" in [one["service_name"] for one in chinese.value]


def test_definition(reader):
    answer = reader.get("services/o-asked")
    assert answer.value["service_code"] == "o-asked"
    asked = answer.value["attributes"]
    assert [(a["code"], a["datatype"], a["required"], a["order"]) for a in asked] == [
        ("depth", "number", True, 1), ("holes", "number", False, 2), ("hurt", "singlevaluelist", False, 3),
        ("since", "datetime", False, 4), ("near", "text", False, 5), ("size", "singlevaluelist", False, 6),
        ("what", "multivaluelist", False, 7)]  # fmt: skip
    assert all(a["variable"] is True for a in asked)
    assert [a.get("values") for a in asked] == [
        None, None, [{"key": "true", "name": "Yes"}, {"key": "false", "name": "No"}], None, None,
        [{"key": "s", "name": "Small"}, {"key": "l", "name": "Large"}],
        [{"key": "a", "name": "A & B"}, {"key": "b", "name": "<B>"}, {"key": "c", "name": "C"}]]  # fmt: skip
    assert reader.get("services/o-hole").value == {"service_code": "o-hole", "attributes": []}


@pytest.mark.parametrize("code", ["litter", "no-such", "坑", "a" * 63])
def test_definition_of_nothing(reader, code):
    """What exists and is not offered is as absent as what does not exist."""
    assert reader.get("services/" + code).status == 404
    assert reader.get("services/" + "x" * 64).status == 400


def test_types_and_their_encoding(reader):
    """As GeoReport v2 writes them."""
    answer = reader.get("services")
    assert answer.headers["Content-Type"] == {"json": "application/json; charset=utf-8", "xml": "text/xml; charset=utf-8"}[reader.form]
    answer.content.decode()
    if reader.form == "xml":
        assert answer.content.startswith(b'<?xml version="1.0" encoding="utf-8"?>')
        assert ElementTree.fromstring(answer.content).tag == "services"
    else:
        assert isinstance(json.loads(answer.content), list)
    refused = reader.get("services", jurisdiction_id="nowhere")
    assert refused.headers["Content-Type"] == answer.headers["Content-Type"]
    # The suffix decides; what Accept says does not.
    assert reader.get("services", headers={"Accept": "text/html"}).status == 200


def test_unchanged(reader):
    answer = reader.get("services")
    same = reader.get("services", headers={"If-None-Match": answer.headers["ETag"]})
    assert same.status == 304 and not same.content
    other = App(reader.client, "xml" if reader.form == "json" else "json")
    assert other.get("services").headers["ETag"] != answer.headers["ETag"]
    assert other.get("services", headers={"If-None-Match": answer.headers["ETag"]}).status == 200


def test_head_and_options(reader, app):
    plain = {"Accept-Encoding": "identity"}
    answer = reader.get("services", headers=plain)
    head = reader.get("services", headers=plain, method="HEAD")
    assert head.status == 200 and not head.content and head.headers["Content-Length"] == str(len(answer.content))
    refused = reader.get("services/none", method="HEAD")
    assert refused.status == 404 and not refused.content
    options = reader.client.request("OPTIONS", f"/open311/v2/requests.{reader.form}")
    assert options.status == 204 and {w.strip() for w in options.headers["Allow"].split(",")} >= {"GET", "HEAD", "POST", "OPTIONS"}


def test_any_site_may_read(reader):
    """Nothing here knows cookies, so a page of any origin may ask; everything else stays as strict as configured."""
    answer = reader.get("services", headers={"Origin": "https://app.example"})
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in answer.headers
    assert reader.get("services/none", headers={"Origin": "https://app.example"}).headers["Access-Control-Allow-Origin"] == "*"
    asked = reader.client.request("OPTIONS", f"/open311/v2/requests.{reader.form}", headers={
        "Origin": "https://app.example", "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"})
    assert asked.status == 204 and asked.headers["Access-Control-Allow-Origin"] == "*"
    assert "POST" in asked.headers["Access-Control-Allow-Methods"]
    strict = reader.client.request("GET", "/v1/cases", headers={"Origin": "https://app.example"})
    assert strict.status == 401 and "Access-Control-Allow-Origin" not in strict.headers


@pytest.mark.parametrize("method,path,status", [
    ("GET", "/open311/v2/services", 404), ("GET", "/open311/v2/services.html", 404), ("GET", "/open311/v2/services.JSON", 404),
    ("GET", "/open311/v2/services.", 404), ("GET", "/open311/v2/.xml", 404), ("GET", "/open311/v2/nothing.xml", 404),
    ("GET", "/open311/v2/requests/.xml", 404), ("GET", "/open311/v1/services.xml", 404), ("GET", "/open311/v2/services.xml/x", 404),
    ("PUT", "/open311/v2/services.xml", 405), ("DELETE", "/open311/v2/requests.xml", 405), ("POST", "/open311/v2/services.xml", 405),
    ("GET", "/open311/v2/services.xml?a=%ff", 400), ("GET", "/open311/v2/a%00b.xml", 400), ("POST", "/open311/discovery.xml", 405),
])  # fmt: skip
def test_what_is_not_there(reader, method, path, status):
    """Refusals in the path's own form, XML where it has none; 405 says what there is."""
    for sent in (path, path.replace(".xml", ".json")):
        reply = reader.client.request(method, sent)
        assert reply.status == status, reply
        if sent.split("?")[0].endswith(".json"):
            assert reply.json[0]["code"] == status and reply.json[0]["description"]
        else:
            root = ElementTree.fromstring(reply.content)
            assert root.tag == "errors" and root.find("error/code").text == str(status)
        assert status != 405 or "GET" in reply.headers["Allow"]


def test_which_street(service, contract, clock, reader, app, db):
    assert reader.get("services", jurisdiction_id="nowhere").status == 404
    assert reader.get("services", jurisdiction_id="elsewhere").status == 404, "it offers nothing"
    assert "jurisdiction_id" in reader.get("services", jurisdiction_id="nowhere").said
    # It is not the key's fault, whichever there is.
    for key in (app.key, app.key + "x"):
        lost = App(app.client, app.form, key, "nowhere")
        for refused in (lost.get("services"), lost.get("requests"), lost.get("tokens/x"), lost.post("requests", service_code="o-hole")):
            assert refused.status == 404 and "jurisdiction_id" in refused.said
    alone = App(reader.client, reader.form, jurisdiction=None)
    assert alone.get("services").value == reader.get("services").value, "there is only one"
    # An empty field is as good as none.
    assert reader.get("services", jurisdiction_id="").status == 200
    db.execute("UPDATE categories SET open311 = 'realtime' WHERE tenant = 'elsewhere' AND code = 'litter'")
    try:
        refused = alone.get("services")
        assert refused.status == 400 and "jurisdiction_id" in refused.said
        assert [s["service_code"] for s in alone.get("services", jurisdiction_id="elsewhere").value] == ["litter"]
        # A key knows its street, and is none in another.
        keyed = App(app.client, app.form, app.key, None)
        assert "o-hole" in [s["service_code"] for s in keyed.get("services").value]
        assert keyed.get("services", jurisdiction_id="elsewhere").status == 403
        assert keyed.post("requests", service_code="litter", jurisdiction_id="elsewhere", lat="41.6", long="125.7").status == 403
        # Retired, a street is gone at once.
        db.execute("UPDATE tenants SET active = false WHERE tenant = 'elsewhere'")
        assert alone.get("services", jurisdiction_id="elsewhere").status == 404 and alone.get("services").status == 200
    finally:
        db.execute("UPDATE tenants SET active = true WHERE tenant = 'elsewhere'")
        db.execute("UPDATE categories SET open311 = 'none' WHERE tenant = 'elsewhere'")


def test_configured_street(postgres, contract, clock, offered):
    """Its own address, contact and street, as configured."""
    postgres.create_database("open311")
    second = Service(postgres, "open311", workers=1, open311_tenant="two", open311_contact="311@two.example", public_url="https://two.example")
    assert second.run("migrate").returncode == 0
    for tenant in ("one", "two"):
        build_world(postgres.url("whistled_owner", "open311"), tenant)
    second.start()
    app = App(Client(second.base, contract, None, "x", clock), "json", jurisdiction=None)
    refused = app.get("services")
    assert refused.status == 400, "it offers nothing yet"
    with psycopg.connect(postgres.url("whistled_owner", "open311")) as connection:
        connection.execute("UPDATE whistled.categories SET open311 = 'realtime' WHERE code = 'litter' AND tenant = 'two' "
                           "OR code = 'pothole' AND tenant = 'one'")
    assert [s["service_code"] for s in app.get("services").value] == ["litter"]
    assert [s["service_code"] for s in app.get("services", jurisdiction_id="one").value] == ["pothole"]
    told = app.get("/open311/discovery.json").value
    assert told["contact"] == told["key_service"] == "311@two.example"
    assert told["endpoints"][0]["url"] == "https://two.example/open311/v2"
    assert re.match(r"\d{4}-\d\d-\d\dT", told["changeset"])
    assert second.stop() == 0
