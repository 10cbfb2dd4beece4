"""Pictures: what is one, what is kept of it, who may have it back, and what becomes of those that do not arrive."""

import hashlib
import os
import signal
import socket
import struct
import threading
import uuid
import zlib

import pytest
import requests
from support.client import Client
from support.postgres import select_pause
from support.service import Service

LIMIT = 10 * 1024 * 1024
PATH = "/v1/attachments"


def png_chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(width: int = 3, height: int = 2, extra: bytes = b"", padding: int = 0) -> bytes:
    """`padding`: pixels that do not compress."""
    pixels = os.urandom(padding) if padding else zlib.compress(b"".join(b"\0" + b"\x7f" * 3 * width for _ in range(height)))
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", head) + extra + png_chunk(b"IDAT", pixels) + png_chunk(b"IEND", b"")


def segment(code: int, data: bytes) -> bytes:
    return bytes([0xFF, code]) + struct.pack(">H", len(data) + 2) + data


def jpeg(extra: bytes = b"", behind: bytes = b"") -> bytes:
    frame = segment(0xC0, b"\x08" + struct.pack(">HH", 480, 640) + b"\x01\x01\x11\x00")
    scan = segment(0xDA, b"\x01\x01\x00\x00\x3f\x00") + b"data\xff\x00more\xff\xd0end"
    tables = segment(0xDB, bytes(65)) + segment(0xC4, bytes(17))
    return b"\xff\xd8" + segment(0xE0, b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0") + extra + tables + frame + scan + b"\xff\xd9" + behind


def riff(name: bytes, data: bytes) -> bytes:
    return name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)


def webp(*extra: bytes) -> bytes:
    frame = riff(b"VP8 ", b"\x10\0\0\x9d\x01\x2a" + struct.pack("<HH", 640, 480) + b"frame")
    canvas = riff(b"VP8X", b"\x0c\0\0\0" + (639).to_bytes(3, "little") + (479).to_bytes(3, "little"))
    body = b"WEBP" + (canvas + frame + b"".join(extra) if extra else frame)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def exif(orientation: int) -> bytes:
    entries = struct.pack(">HHIHH", 0x112, 3, 1, orientation, 0) + struct.pack(">HHII", 0x8825, 4, 1, 38)
    return b"Exif\0\0MM\0*\0\0\0\x08\0\x02" + entries + b"\0\0\0\0" + b"GPS 41.6N 125.7E"


def upload(client: Client, data, content_type: str = "image/png", **headers):
    return client.request("POST", PATH, headers={"Content-Type": content_type} | headers, data=data)


def files(service) -> set[str]:
    folder = service.folder / "attachments"
    return {str(path.relative_to(folder)) for path in folder.glob("[!.]*/*")}


def incoming(service) -> list:
    return list((service.folder / "attachments" / ".incoming").iterdir())


@pytest.mark.parametrize("content_type,data,size", [
    ("image/png", png(), (3, 2)), ("image/jpeg", jpeg(), (640, 480)), ("image/webp", webp(), (640, 480)),
    ("Image/PNG; x=y", png(), (3, 2)), ("image/png", png(1000, 1000, padding=3 * 1024 * 1024), (1000, 1000)),
], ids=["png", "jpeg", "webp", "parameter", "large"])
def test_there_and_back(street, service, content_type, data, size):
    up = upload(street.citizen, data, content_type)
    assert up.status == 201, up
    assert up.headers["Location"] == f"{PATH}/{up['id']}" and up.etag == f'"{up["sha256"]}"'
    assert (up["width"], up["height"]) == size and up["size"] == len(data)
    assert up["sha256"] == hashlib.sha256(data).hexdigest()
    down = street.citizen.get(up.headers["Location"])
    assert down.status == 200 and down.content == data
    assert down.headers["Content-Type"] == content_type.split(";")[0].lower() == up["content_type"]
    assert int(down.headers["Content-Length"]) == len(data)
    assert down.etag == up.etag and "no-store" in down.headers["Cache-Control"]
    assert down.headers["X-Content-Type-Options"] == "nosniff"
    assert down.headers["Content-Disposition"] == "inline" and "sandbox" in down.headers["Content-Security-Policy"]
    head = street.citizen.request("HEAD", up.headers["Location"])
    assert head.status == 200 and head.content == b"" and int(head.headers["Content-Length"]) == len(data)
    assert f"street/{up['id']}" in files(service)
    assert (service.folder / "attachments" / "street" / up["id"]).stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("content_type,data", [
    ("image/jpeg", jpeg(segment(0xE1, exif(6)) + segment(0xED, b"GPS") + segment(0xFE, b"GPS"), b"\xff\xd8 GPS")),
    ("image/png", png(extra=png_chunk(b"eXIf", exif(1)[6:]) + png_chunk(b"tEXt", b"Comment\0GPS"))),
    ("image/webp", webp(riff(b"EXIF", exif(1)[6:]), riff(b"XMP ", b"GPS"))),
], ids=["jpeg", "png", "webp"])
def test_where_it_was_taken_is_not_kept(street, content_type, data):
    assert b"GPS" in data
    up = upload(street.citizen, data, content_type)
    assert up.status == 201, up
    kept = street.citizen.get(up.headers["Location"]).content
    assert b"GPS" not in kept
    assert up["size"] == len(kept) < len(data) and up["sha256"] == hashlib.sha256(kept).hexdigest()
    if content_type == "image/webp":
        assert struct.unpack("<I", kept[4:8])[0] == len(kept) - 8
    if content_type == "image/jpeg":
        assert b"Exif\0\0" in kept, "it still says which way is up"
    # What came out is itself a picture that passes as it is.
    again = upload(street.citizen, kept, content_type)
    assert again.status == 201 and again["sha256"] == up["sha256"]


@pytest.mark.parametrize("content_type,data", [
    ("image/jpeg", png()), ("image/png", jpeg()), ("image/webp", png()), ("image/png", webp()),
    ("image/png", b"<script>alert(1)</script>"), ("image/png", b"\x89PNG\r\n\x1a\n"), ("image/png", b"\x89PNG\r\n\x1a\n" + b"x" * 5000),
    ("image/png", png()[:-1]), ("image/png", png()[:30]), ("image/png", png(0, 2)), ("image/png", png(100000, 100000, padding=9)),
    ("image/png", png().replace(b"IDAT", b"IDAU")), ("image/jpeg", jpeg()[:-2]), ("image/jpeg", b"\xff\xd8\xff\xd9"),
    ("image/jpeg", b"\xff\xd8\xff\xe0" + b"\0" * 100), ("image/jpeg", b"GIF89a<?php"), ("image/webp", webp()[:-3]),
    ("image/webp", b"RIFF\xff\xff\xff\xffWEBP"), ("image/png", b"x" * 300000), ("image/png", b""),
], ids=range(20))  # not the bytes themselves
def test_not_an_image(street, service, content_type, data):
    before = files(service)
    reply = upload(street.citizen, data, content_type)
    assert (reply.status, reply.code) == (422, "bad_image"), reply
    assert files(service) == before


@pytest.mark.parametrize("content_type", ["image/gif", "image/svg+xml", "text/html", "application/json", "image/pngx",
                                          "multipart/form-data; boundary=x", "image", None])
def test_other_types(street, content_type):
    reply = upload(street.citizen, png(), content_type)
    assert (reply.status, reply.code) == (415, "unsupported_media_type")
    assert upload(street.citizen, png(), **{"Content-Encoding": "gzip"}).status == 415


def test_order_of_refusals(street, anonymous):
    assert upload(anonymous, png(), "text/html").status == 415, "the type comes before the token"
    assert upload(anonymous, png()).status == 401
    assert upload(street.auditor, png()).status == 403
    assert upload(street.client("stranger", ["dispatcher"]), png()).code == "unknown_subject"
    assert upload(street.citizen, png(), **{"Idempotency-Key": "k" * 256}).status == 422
    assert street.citizen.get(f"{PATH}/{uuid.uuid4()}").status == 404
    assert street.citizen.get(f"{PATH}/..%2f..%2fetc%2fpasswd").status in (400, 404, 422)


def raw(service, data: bytes) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", service.port), timeout=30)
    connection.sendall(data)
    return connection


def head(client: Client, *lines: str) -> bytes:
    base = ("POST /v1/attachments HTTP/1.1", "Host: a", f"Authorization: Bearer {client.token}", "Content-Type: image/png")
    return "\r\n".join((*base, *lines, "", "")).encode()


def answer(connection: socket.socket) -> bytes:
    data = b""
    while chunk := connection.recv(65536):
        data += chunk
    connection.close()
    return data


def test_too_large(street, service):
    exactly = png(1000, 1000, padding=LIMIT - len(png(1000, 1000, padding=1)) + 1)
    assert len(exactly) == LIMIT and upload(street.citizen, exactly).status == 201
    # Said beforehand: refused before the body. Not said: refused where it gets too much.
    assert b" 413 " in answer(raw(service, head(street.citizen, f"Content-Length: {LIMIT + 1}", "Connection: close")))
    connection = raw(service, head(street.citizen, "Transfer-Encoding: chunked", "Connection: close"))
    data = png(1000, 1000, padding=LIMIT)
    try:
        for at in range(0, len(data), 65536):
            piece = data[at:at + 65536]
            connection.sendall(b"%x\r\n%s\r\n" % (len(piece), piece))
    except (BrokenPipeError, ConnectionResetError):
        pass
    assert b" 413 " in answer(connection)
    wait_for_no_leftovers(service)


def wait_for_no_leftovers(service):
    while incoming(service):
        select_pause()


def test_in_pieces_and_aborted(street, service):
    data = png(200, 200, padding=50000)
    connection = raw(service, head(street.citizen, "Transfer-Encoding: chunked", "Connection: close"))
    for at in range(0, len(data), 997):
        piece = data[at:at + 997]
        connection.sendall(b"%x\r\n%s\r\n" % (len(piece), piece))
    connection.sendall(b"0\r\n\r\n")
    assert b" 201 " in answer(connection)
    before = files(service)
    for size in (0, 10, 40000):
        connection = raw(service, head(street.citizen, f"Content-Length: {len(data)}") + data[:size])
        if size:
            while not incoming(service):
                select_pause()
        connection.close()
    wait_for_no_leftovers(service)
    assert files(service) == before


def test_expect_continue(street, service):
    data = png()
    connection = raw(service, head(street.citizen, f"Content-Length: {len(data)}", "Expect: 100-continue", "Connection: close"))
    assert connection.recv(100).startswith(b"HTTP/1.1 100 ")
    connection.sendall(data)
    assert b" 201 " in answer(connection)


def test_retry_under_a_key(street, service, unique):
    data = png(5, 5)
    first = upload(street.citizen, data, **{"Idempotency-Key": unique})
    stored = files(service)
    second = upload(street.citizen, data, **{"Idempotency-Key": unique})
    assert (first.status, second.status) == (201, 201) and second["id"] == first["id"]
    assert second.headers["Idempotent-Replayed"] == "true" and "Idempotent-Replayed" not in first.headers
    assert second.headers["Location"] == first.headers["Location"]
    assert files(service) == stored, "the second file went away"
    other = upload(street.citizen, png(6, 5), **{"Idempotency-Key": unique})
    assert (other.status, other.code) == (422, "idempotency_key_reused")
    assert files(service) == stored
    assert upload(street.citizen2, data, **{"Idempotency-Key": unique})["id"] != first["id"]


def test_eight_at_once_under_a_key(street, service, contract, unique):
    data, replies = png(7, 7, padding=20000), []

    def send():
        client = Client(service.base, contract, street.citizen.token, "citizen")
        replies.append(upload(client, data, **{"Idempotency-Key": unique}))

    threads = [threading.Thread(target=send) for _ in range(8)]
    before = files(service)
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {reply.status for reply in replies} <= {201, 409}, replies
    assert len({reply["id"] for reply in replies if reply.status == 201}) == 1
    assert len(files(service) - before) == 1


def test_many_at_once(street, service, contract):
    """Uploads of many kinds side by side; small requests in between are not kept waiting."""
    replies = []

    def send(number: int):
        client = Client(service.base, contract, street.citizen.token, "citizen")
        data = png(100 + number, 100, padding=200000) if number % 3 else png()[:-1]
        replies.append((number, upload(client, data)))
        replies.append((-1, client.get("/v1/me")))

    threads = [threading.Thread(target=send, args=(number,)) for number in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number, reply in replies:
        assert reply.status == (200 if number < 0 else 201 if number % 3 else 422)
        if reply.status == 201:
            assert reply["width"] == 100 + number
    wait_for_no_leftovers(service)


def test_a_file_that_is_gone_or_short(street, service):
    up = upload(street.citizen, png())
    place = service.folder / "attachments" / "street" / up["id"]
    place.write_bytes(place.read_bytes()[:-1])
    reply = street.citizen.get(up.headers["Location"])
    assert (reply.status, reply.code) == (503, "unavailable")
    place.unlink()
    assert street.citizen.get(up.headers["Location"]).status == 503
    assert "attachment not readable" in service.log_text()


def test_folder_that_is_away(street, service):
    """A disk that fails is our trouble: 503, nothing stored, and well again afterwards."""
    folder = service.folder / "attachments"
    up = upload(street.citizen, png())
    folder.rename(folder.with_name("away"))
    try:
        assert upload(street.citizen, png()).status == 503
        assert street.citizen.get(up.headers["Location"]).status == 503
        assert street.citizen.get("/v1/me").status == 200
    finally:
        folder.with_name("away").rename(folder)
    assert upload(street.citizen, png()).status == 201
    assert street.citizen.get(up.headers["Location"]).status == 200


def test_stop_in_the_middle_of_an_upload(postgres, service, contract, street):
    """It is given the time to end; what does not end in time leaves nothing behind."""
    other = Service(postgres, "main", drain_timeout_ms=8000).start()
    data = png(200, 200, padding=50000)
    lines = (f"Content-Length: {len(data)}", "Connection: close")
    ends, hangs = (raw(other, head(street.citizen, *lines) + data[:20000]) for _ in range(2))
    while len(incoming(other)) < 2:
        select_pause()
    other.process.send_signal(signal.SIGTERM)
    while requests.get(f"{other.base}/readyz", timeout=5).status_code == 200:
        select_pause()
    ends.sendall(data[20000:])
    assert b" 201 " in answer(ends)
    assert other.process.wait(timeout=60) == 0
    assert not incoming(other) and len(files(other)) == 1
    hangs.close()
    assert "Sanitizer" not in other.log_text()


def test_streets_are_apart(street, elsewhere):
    up = upload(street.citizen, png())
    assert elsewhere.citizen.get(up.headers["Location"]).status == 404
    assert elsewhere.dispatcher.get(up.headers["Location"]).status == 404


def test_openapi_names_the_types(contract):
    content = contract.document["paths"][PATH]["post"]["requestBody"]["content"]
    assert set(content) == {"image/jpeg", "image/png", "image/webp"}
