"""Reports with pictures: multipart/form-data, in whatever order its parts come; what is kept of it, and what is not."""

import io
import os
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.open311 import LAT, LON
from support.postgres import select_pause
from support.world import Street

FIELDS = {"service_code": "o-hole", "description": "坑 & <hole>", "lat": str(LAT), "long": str(LON), "jurisdiction_id": "street"}
BOUNDARY = "----x0123456789"


def body_of(parts, end: str = "--") -> bytes:
    """(name, value) or (name, filename, type, bytes)."""
    out = b""
    for part in parts:
        head, data = f'Content-Disposition: form-data; name="{part[0]}"', part[-1]
        if len(part) == 4:
            head += f'; filename="{part[1]}"\r\nContent-Type: {part[2]}'
        out += f"--{BOUNDARY}\r\n{head}\r\n\r\n".encode() + (data if isinstance(data, bytes) else data.encode()) + b"\r\n"
    return out + f"--{BOUNDARY}{end}\r\n".encode()


def send(app, parts, key=None, body: bytes | None = None, boundary: str = BOUNDARY):
    path = app._path("requests")
    headers = {"Content-Type": f"multipart/form-data; boundary={boundary}", "Idempotency-Key": key}
    reply = app.client.request("POST", path, headers=headers, data=body_of(parts) if body is None else body)
    return app._answer(reply, "POST", path)


def fields(app, **more) -> list:
    return [(n, v) for n, v in (FIELDS | {"api_key": app.key} | more).items() if v is not None]


def picture(name="media", kind="image/png", data=None) -> tuple:
    return (name, "photo.png", kind, Street.png() if data is None else data)


def hung(street, db, number: str) -> list[dict]:
    ((case,),) = db.execute("SELECT id FROM cases WHERE number = %s", (number,)).fetchall()
    return street.dispatcher.get(f"/v1/cases/{case}")["attachments"]


def files(service, wanted=None) -> set:
    """What lies in the store. A reply is on its way before what was refused is gone: waits a little for what is wanted."""
    deadline = time.monotonic() + 10
    while (found := stored(service)) != wanted and wanted is not None and time.monotonic() < deadline:
        select_pause()
    return found


def stored(service) -> set:
    return {os.path.join(folder, name) for folder, _, names in os.walk(service.folder / "attachments") for name in names}


def test_without_a_picture(app, street, db):
    """The same as the other kind of form."""
    answer = send(app, fields(app, first_name="秀英", account_id="7", **{"attribute[x]": "", "unknown": "y"}))
    assert answer.one["account_id"] == "7"
    assert app.seen(answer.one["service_request_id"])["description"] == "坑 & <hole>"
    assert hung(street, db, answer.one["service_request_id"]) == []


@pytest.mark.parametrize("order", ["first", "last", "between"])
def test_a_picture(app, street, db, service, order):
    text = fields(app)
    at = {"first": 0, "last": len(text), "between": 2}[order]
    before = files(service)
    number = send(app, text[:at] + [picture()] + text[at:]).one["service_request_id"]
    (one,) = hung(street, db, number)
    assert one["content_type"] == "image/png" and one["size"] == len(Street.png()) and one["stage"] == "intake"
    got = street.dispatcher.request("GET", f"/v1/attachments/{one['id']}")
    assert got.status == 200 and got.content == Street.png()
    assert len(files(service) - before) == 1
    # Nobody else sees it, the client by its key neither.
    assert "attachments" not in str(app.seen(number)) and app.seen(number)["media_url"] is None


def test_several_pictures(app, street, db, service):
    parts = [picture("media[]" if n % 2 else "media", data=Street.png(n + 1, 2)) for n in range(5)]
    number = send(app, fields(app) + parts).one["service_request_id"]
    assert sorted(a["size"] for a in hung(street, db, number)) == sorted(len(Street.png(n + 1, 2)) for n in range(5))
    before = files(service)
    assert send(app, fields(app) + parts + [picture()]).said.startswith("media: ")
    assert files(service, before) == before


def test_what_a_browser_sends_for_no_file(app, street, db):
    number = send(app, fields(app) + [("media", "", "application/octet-stream", b"")]).one["service_request_id"]
    assert hung(street, db, number) == []
    # A file in another field is passed over.
    assert send(app, fields(app) + [("other", "x.txt", "text/plain", b"x")]).status == 200


@pytest.mark.parametrize("kind,data", [
    ("image/png", b"GIF89a"), ("image/png", b""), ("image/jpeg", None), ("text/html", b"<script>"), ("image/svg+xml", b"<svg/>"),
    ("", None), ("image/png", "cut"),
])  # fmt: skip
def test_what_is_no_picture(app, db, service, kind, data):
    before, rows = files(service), db.execute("SELECT count(*) FROM attachments").fetchone()
    data = Street.png()[:-5] if data == "cut" else Street.png() if data is None else data
    answer = send(app, fields(app) + [picture(kind=kind, data=data)])
    assert answer.status == 400 and answer.said.startswith("media: ")
    assert files(service, before) == before and db.execute("SELECT count(*) FROM attachments").fetchone() == rows


def test_strangers_leave_nothing(app, db, service):
    before, rows = files(service), db.execute("SELECT count(*) FROM attachments").fetchone()
    for key in (None, "x.y", app.key + "x"):
        assert send(app, [picture()] + fields(app, api_key=key)).status == 403
    # Let in, and refused for something else: nothing stays either.
    for wrong in ({"service_code": "no-such"}, {"lat": "x"}, {"lat": None, "long": None}, {"service_code": "o-asked"}):
        assert send(app, [picture()] + fields(app, **wrong)).status in (400, 404)
    assert files(service, before) == before and db.execute("SELECT count(*) FROM attachments").fetchone() == rows


def test_idempotency(app, street, db, service):
    sent = fields(app) + [picture()]
    first = send(app, sent, key="m").one
    before, rows = files(service), db.execute("SELECT count(*) FROM attachments").fetchone()
    again = send(app, sent, key="m")
    assert again.one == first and again.headers["Idempotent-Replayed"] == "true"
    assert send(app, fields(app) + [picture(data=Street.png(4, 4))], key="m").status == 400, "another picture is another report"
    assert files(service, before) == before and db.execute("SELECT count(*) FROM attachments").fetchone() == rows
    assert len(hung(street, db, first["service_request_id"])) == 1


@pytest.mark.parametrize("body,boundary,status", [
    (b"x=1", BOUNDARY, 400), (body_of([("a", "1")], end=""), BOUNDARY, 400), (body_of([("a", "1")]), "other", 400),
    (body_of([("a", "1")]), "", 400), (body_of([("a", "1")]), "x" * 71, 400), (body_of([("a", b"\xff")]), BOUNDARY, 400),
    (body_of([("a", b"a\0b")]), BOUNDARY, 400), (body_of([("description", "x" * 70000)]), BOUNDARY, 413),
    (body_of([(f"f{n}", "1") for n in range(257)]), BOUNDARY, 400), (body_of([("x" * 3000, "1")]), BOUNDARY, 400),
    (body_of([("a", "1")]), BOUNDARY, 403),
])  # fmt: skip
def test_bodies_that_are_none(reader, body, boundary, status):
    answer = send(reader, None, body=body, boundary=boundary)
    assert answer.status == status and answer.said, answer


def test_too_large(app, service):
    before = files(service)
    large = body_of(fields(app) + [picture(data=Street.png() + b"x" * (10 * 1024 * 1024))])
    answer = send(app, None, body=large)
    assert answer.status == 413
    assert files(service, before) == before


def test_as_libraries_send_it(app, street, db):
    """requests makes its own boundary and names."""
    path = app._path("requests")
    reply = app.client.request("POST", path, data=FIELDS | {"api_key": app.key}, files={"media": ("坑.png", io.BytesIO(Street.png()), "image/png")})
    number = app._answer(reply, "POST", path).one["service_request_id"]
    assert len(hung(street, db, number)) == 1


def test_many_at_the_same_time(new_app, street, db):
    """More than a worker takes at once: each is either taken in whole or refused for now."""
    app = new_app("json")
    with ThreadPoolExecutor(24) as pool:
        answers = list(pool.map(lambda n: send(app, fields(app) + [picture(data=Street.png(n + 1, 3))]), range(48)))
    good = [a for a in answers if a.status == 200]
    assert good and {a.status for a in answers} <= {200, 503}
    assert all(len(hung(street, db, a.one["service_request_id"])) == 1 for a in good)


def test_other_operations_take_no_parts(app):
    headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    for path in (f"/open311/v2/servicerequestupdates.{app.form}", "/v1/oauth/token"):
        assert app.client.request("POST", path, headers=headers, data=body_of([("a", "1")])).status in (400, 415)
