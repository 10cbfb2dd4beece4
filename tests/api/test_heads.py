"""Large heads on the wire: whatever their shape, the answer is one of ours, and the connection's memory holds it."""

import random
import socket

import pytest

LARGEST = 9_500  # bytes, what libmicrohttpd keeps of each header and part of the query among them; far larger ones it refuses by itself
PART = 64


def ask(service, target: str, headers: list[tuple[str, str]]) -> tuple[int, bytes]:
    head = f"GET {target} HTTP/1.1\r\nHost: x\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers)
    with socket.create_connection(("127.0.0.1", service.port), timeout=60) as connection:
        connection.sendall(head.encode() + b"Connection: close\r\n\r\n")
        reply = b""
        while more := connection.recv(65536):
            reply += more
    assert reply, f"no answer to a head of {len(head)} bytes, {len(headers)} headers, {target.count('&')} ampersands"
    start, _, body = reply.partition(b"\r\n\r\n")
    assert b"application/json" in start or b"application/problem+json" in start, (len(head), len(headers), reply[:200])
    return int(start.split()[1]), body


@pytest.fixture
def token(street) -> list[tuple[str, str]]:
    return [("Authorization", f"Bearer {street.dispatcher.token}")]


def test_what_people_send_is_taken(service, token):
    like_a_browser = [(f"X-Header-{n}", "a" * 80) for n in range(25)]
    assert ask(service, "/v1/me", token + like_a_browser)[0] == 200
    assert ask(service, "/v1/me", token + [("X-Long", "a" * 7500)])[0] == 200
    assert ask(service, "/v1/me", token + [("Cookie", "a" * 4000)])[0] == 200
    assert ask(service, "/v1/cases?" + "&".join(["category=litter"] * 20), token)[0] == 200
    assert ask(service, "/v1/cases?q=" + "%E4%BA%95" * 100, token)[0] == 200


@pytest.mark.parametrize("n", [65, 100, 200, 1000])
def test_too_many_parts_of_a_query(service, token, n):
    for part in ("a=1", "", "category=litter"):
        if len(part) * n < LARGEST:
            assert ask(service, "/v1/cases?" + "&".join([part] * n), token)[0] == 400


def test_too_much_in_all(service, token):
    assert ask(service, "/" + "a" * 5000, token)[0] == 414
    assert ask(service, "/v1/me", token + [("X-Long", "a" * 9000)])[0] == 431
    assert ask(service, "/v1/me", token + [(f"X-{n}", "a" * 60) for n in range(80)])[0] == 431
    assert ask(service, "/v1/cases?q=" + "a" * 3000, token + [("X-Long", "a" * 4000)])[0] == 431


def test_any_shape_is_answered(service, token):
    drawn = random.Random(5341)
    for _ in range(300):
        room, parts = drawn.randrange(LARGEST - 1000), drawn.choice([0, 1, 10, 50, 63, 64, 90])
        path = "/v1/cases?" + "&".join(["limit=1"] * min(parts, room // (8 + PART))) if parts else "/v1/me"
        path += ("&q=" if parts else "?q=") + "a" * drawn.choice([0, 10, min(4000, room // 2)])
        headers, room = list(token), room - len(path) - PART * path.count("&")
        while room > 0 and len(headers) < drawn.choice([2, 20, 60, 70]):
            size = drawn.randrange(1, drawn.choice([20, 200, 9000]))
            headers.append((f"X-{len(headers)}", "v" * min(size, room)))
            room -= size + 10 + PART
        assert ask(service, path, headers)[0] in (200, 400, 414, 422, 431)
