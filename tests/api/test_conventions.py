"""What every operation keeps: framing, errors, languages, headers. Raw sockets where a polite library would not."""

import gzip
import json
import re
import socket
import uuid

import pytest


def raw(service, data: bytes) -> bytes:
    """Sends exactly these bytes and reads until the server closes (every test asks it to)."""
    with socket.create_connection(("127.0.0.1", service.port), timeout=20) as connection:
        connection.sendall(data)
        chunks = []
        while chunk := connection.recv(65536):
            chunks.append(chunk)
        return b"".join(chunks)


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


HEAD = b"GET /livez HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"


@pytest.mark.parametrize("request_bytes", [
    b"GET /livez HTTP/1.1\r\nConnection: close\r\n\r\n",
    HEAD + b"Host: b\r\n\r\n",
    HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    HEAD + b"Content-Length: 1, 1\r\n\r\na",
    HEAD + b"Content-Length: +1\r\n\r\na",
    HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    HEAD + b"Transfer-Encoding: gzip\r\n\r\n",
    HEAD + b"Transfer-Encoding: chunked, identity\r\n\r\n",
    HEAD + b"X-A: a\x01b\r\n\r\n",
    HEAD + b"Bad Name: a\r\n\r\n",
    b"GET /livez%00x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    b"GET /livez%zz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    b"GET /v1/cases/%ff HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    b"GET livez HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
])
def test_malformed_requests_are_400_and_close(service, request_bytes):
    answer = raw(service, request_bytes)
    assert status(answer) == 400, answer
    head = answer.split(b"\r\n\r\n")[0].lower()
    assert b"connection: close" in head
    # One request, one answer: nothing smuggled behind it was served.
    assert answer.count(b"HTTP/1.1 ") == 1


def test_pipelined_requests_are_answered_in_order(service):
    one = b"GET /livez HTTP/1.1\r\nHost: a\r\nX-Request-Id: %d\r\n"
    answer = raw(service, b"".join(one % i + b"\r\n" for i in range(5)) + one % 5 + b"Connection: close\r\n\r\n")
    assert re.findall(rb"X-Request-Id: (\d)", answer) == [b"%d" % i for i in range(6)]


def test_chunked_body_and_expect_continue(service, street):
    body = json.dumps(street.body(category="litter", at="XF-01")).encode()
    head = (f"POST /v1/cases HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {street.citizen.token}\r\n"
            "Content-Type: application/json\r\nConnection: close\r\n").encode()
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(body[i:i + 7]), body[i:i + 7]) for i in range(0, len(body), 7))
    assert status(raw(service, head + b"Transfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n")) == 201
    answer = raw(service, head + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    assert b" 201 " in answer


def test_too_large_is_413_before_the_body(service, street):
    head = (f"POST /v1/cases HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {street.citizen.token}\r\n"
            "Content-Type: application/json\r\nContent-Length: 70000\r\nConnection: close\r\n\r\n").encode()
    assert status(raw(service, head)) == 413


@pytest.mark.parametrize("text,code", [
    ("{", "malformed_json"),
    ("[1]x", "malformed_json"),
    ('{"description": "\\ud800"}', "malformed_json"),
    ("\ufeff{}", "malformed_json"),
    ("[" * 40 + "]" * 40, "malformed_json"),
    ("", "malformed_json"),
])
def test_what_is_not_json_is_400(street, text, code):
    reply = street.citizen.request("POST", "/v1/cases", headers={"Content-Type": "application/json"},
                                   data=text.encode("utf-8", "surrogatepass"))
    assert (reply.status, reply.code) == (400, code)


def test_bad_utf8_is_refused(street):
    reply = street.citizen.request("POST", "/v1/cases", headers={"Content-Type": "application/json"},
                                   data=b'{"description": "\xff"}')
    assert reply.status == 400


def test_duplicate_keys_and_nul_are_refused(street):
    for text in ('{"kind": "problem", "kind": "demand"}', '{"description": "a\\u0000b"}'):
        reply = street.citizen.request("POST", "/v1/cases", headers={"Content-Type": "application/json"},
                                       data=text.encode())
        assert reply.status in (400, 422), reply


def test_all_faults_at_once(street):
    body = {"description": "", "kind": "nonsense", "category": 7, "colour": "red", "tags": ["a", 1],
            "location": {"lon": 200, "lat": "x"}}
    reply = street.citizen.post("/v1/cases", body)
    assert reply.status == 422 and reply.code == "invalid_body"
    assert {"/description", "/kind", "/category", "/colour", "/tags/1", "/location/lon", "/location/lat"} <= set(
        reply.pointers)


def test_unknown_and_bad_parameters(street):
    reply = street.dispatcher.get("/v1/cases", limit=0, colour="red", updated_after="yesterday")
    assert reply.status == 422
    assert {"query.limit", "query.colour", "query.updated_after"} == set(reply.pointers)
    assert street.dispatcher.get("/v1/cases/not-a-uuid").status == 422


def test_language(street, anonymous):
    path = f"/v1/cases/{uuid.uuid4()}"
    zh = street.dispatcher.request("GET", path, headers={"Accept-Language": None})
    en = street.dispatcher.request("GET", path, headers={"Accept-Language": "fr, en;q=0.8, zh;q=0.1"})
    assert zh.code == en.code == "not_found"
    assert re.search("[\u4e00-\u9fff]", zh["title"]) and not re.search("[\u4e00-\u9fff]", en["title"])


def test_request_id(anonymous):
    assert anonymous.request("GET", "/livez", headers={"X-Request-Id": "abc-1"}).headers["X-Request-Id"] == "abc-1"
    made = anonymous.request("GET", "/livez", headers={"X-Request-Id": "a b"}).headers["X-Request-Id"]
    assert made != "a b" and len(made) >= 16


def test_caching_and_compression(street, anonymous):
    case = street.report(category="litter", at="XF-01")
    assert "no-store" in street.dispatcher.get(f"/v1/cases/{case['id']}").headers["Cache-Control"]
    catalog = street.citizen.request("GET", "/v1/catalog", headers={"Accept-Encoding": "identity"})
    again = street.citizen.request("GET", "/v1/catalog", headers={"If-None-Match": catalog.etag})
    assert again.status == 304
    import requests

    zipped = requests.get(f"{street.citizen.base}/v1/catalog", stream=True, timeout=20, headers={
        "Authorization": f"Bearer {street.citizen.token}", "Accept-Encoding": "gzip", "Accept-Language": "en"})
    assert zipped.headers["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in zipped.headers["Vary"]
    assert gzip.decompress(zipped.raw.read()) == catalog.content


def test_not_acceptable(street):
    reply = street.dispatcher.request("GET", "/v1/cases", headers={"Accept": "text/html"})
    assert (reply.status, reply.code) == (406, "not_acceptable")


def test_token_in_the_query_is_refused(street, anonymous):
    reply = anonymous.get("/v1/cases", access_token=street.dispatcher.token)
    assert reply.status in (400, 401)


def test_head_and_options(street, anonymous):
    assert anonymous.request("HEAD", "/livez").status == 200
    reply = anonymous.request("OPTIONS", "/v1/cases")
    assert reply.status == 204 and "POST" in reply.headers["Allow"]


def test_etag_carries_the_version(street):
    case = street.report(category="litter", at="XF-01")
    etag = street.dispatcher.get(f"/v1/cases/{case['id']}").etag
    assert re.fullmatch(r'"\d+\.[0-9a-f]{8}"', etag)
    # Only the part before the dot counts; another role's hash is no stale version.
    version = etag.strip('"').split(".")[0]
    reply = street.dispatcher.post(f"/v1/cases/{case['id']}/accept", {}, f'"{version}.00000000"')
    assert reply.status == 200


def test_times_are_local_with_milliseconds_and_any_offset_is_taken(street, clock):
    case = street.report(category="litter", at="XF-01", claimed_at="2024-11-23T08:20:00.123Z")
    assert case["claimed_at"] == "2024-11-23T16:20:00.123+08:00"
    reply = street.citizen.post("/v1/cases", street.body(category="litter", at="XF-01", claimed_at="2024-11-23T08:20:00"))
    assert reply.status == 422 and reply.pointers == ["/claimed_at"]


def test_a_point_is_kept_to_the_centimetre(street):
    wgs = street.point("XF-01")
    exact = street.report(category="litter", location={"lon": wgs["lon"] + 0.0000001, "lat": wgs["lat"]})["location"]
    assert (exact["lon"], exact["lat"]) == (round(wgs["lon"] + 0.0000001, 7), wgs["lat"])
    finer = street.report(category="litter", location={"lon": wgs["lon"] + 0.00000012345, "lat": wgs["lat"] - 0.00000098765})["location"]
    assert (finer["lon"], finer["lat"]) == (round(wgs["lon"] + 0.0000001, 7), round(wgs["lat"] - 0.000001, 7))


def test_gcj02_is_converted_on_the_way_in(street):
    """The published offset of GCJ-02 near 茂山 is several hundred metres; its inverse must bring us home."""
    wgs = street.point("XF-01")
    plain = street.report(category="litter", at="XF-01")
    assert plain["location"]["coord_sys"] == "wgs84"
    assert abs(plain["location"]["lon"] - wgs["lon"]) < 1e-6
    shifted = street.report(category="litter", location={"lon": wgs["lon"], "lat": wgs["lat"], "coord_sys": "gcj02"})
    moved = abs(shifted["location"]["lon"] - wgs["lon"]) + abs(shifted["location"]["lat"] - wgs["lat"])
    assert 0.001 < moved < 0.02


def test_service_documents(anonymous, service, contract):
    served = anonymous.get("/openapi.json")
    assert served.status == 200
    assert set(served.json["paths"]) == set(contract.document["paths"])
    assert anonymous.get("/readyz").status == 200
    import requests

    text = requests.get(f"http://127.0.0.1:{service.metrics_port}/metrics", timeout=20).text
    assert "whistled_" in text
    assert requests.get(f"{service.base}/metrics", timeout=20).status_code == 404


def test_blank_is_not_a_text(street):
    reply = street.citizen.post("/v1/cases", street.body(at="XF-01", description=" \n\t"))
    assert reply.status == 422 and reply.pointers == ["/description"]
