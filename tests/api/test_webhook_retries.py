"""Receivers that fail: when we try again, when we stop, that nobody waits for them, and what is sent again by hand."""

import socket
import threading
from datetime import datetime, timedelta, timezone

from support.asking import tickets_for, whistled
from support.hooks import wait

# After the nth failed try, in seconds; ten tries in all.
SCHEDULE = [5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400]


def issued(hook) -> str:
    """Id of the message that says that a ticket was issued; the whistle is the caller's."""
    return wait(lambda: next((d["id"] for d in hook.deliveries() if d["type"] == "ticket.issued"), None), "the message")


def pause(delivery) -> float:
    began = datetime.fromisoformat(delivery["attempts"][-1]["at"])
    return (datetime.fromisoformat(delivery["next_attempt_at"]) - began).total_seconds()


def test_ten_tries_and_then_it_is_switched_off(street, hooks, service):
    hook = hooks.subscribe(street.city, ["ticket.issued"], lambda received: 500)
    whistled(street)
    message = issued(hook)
    for n, seconds in enumerate(SCHEDULE, 1):
        delivery = hook.tried(message, n)
        assert delivery["state"] == "pending" and len(delivery["attempts"]) == n
        assert 0.9 * seconds - 1 <= pause(delivery) <= 1.1 * seconds + 2, f"after try {n}: {pause(delivery)}"
        assert hook.read()["active"] and hook.read()["failures"] == n
        hook.hasten()
    delivery = hook.ended(message)
    assert (delivery["state"], delivery["attempt_count"], delivery["next_attempt_at"]) == ("failed", 10, None)
    assert [(a["n"], a["status"], a["error"]) for a in delivery["attempts"]] == [(n, 500, "status") for n in range(1, 11)]
    assert len(set(hook.receiver.ids())) == 1 and len(hook.receiver.got) == 10, "one id, ten tries"
    after = hook.read()
    assert (after["active"], after["disabled_reason"], after["version"]) == (False, "exhausted", 2) and after["disabled_at"]
    history = street.city.get(f"{hook.path}/events")["items"][0]
    assert (history["action"], history["data"], history["actor"]["id"]) == ("disable", {"reason": "exhausted"}, "system")
    assert any(w["id"] == hook.id for w in street.admin.get("/v1/webhooks", active="false", limit=200)["items"])
    assert f"webhooks switched off: street {hook.id} exhausted" in service.log_text()
    again = hook.edit(active=True)
    assert (again["active"], again["disabled_reason"], again["failures"]) == (True, None, 0)


def test_one_bad_message_switches_nothing_off(street, hooks):
    """Given up, with others arriving meanwhile: the receiver is there, it only does not want this one."""
    bad = []
    hook = hooks.subscribe(street.city, ["ticket.issued"], lambda received: 400 if received.ticket in bad else 204)
    bad.append(whistled(street)["tickets"][0]["id"])
    message = issued(hook)
    for n in range(1, 10):
        hook.tried(message, n)
        if n == 5:
            whistled(street)
            hook.receiver.wait(lambda got: any(r.ticket not in bad for r in got))
            wait(lambda: hook.read()["failures"] == 0)
        hook.hasten()
    assert hook.ended(message)["state"] == "failed" and hook.read()["active"]


def test_gone(street, hooks):
    hook = hooks.subscribe(street.city, ["ticket.*"], lambda received: 410)
    ticket = whistled(street)["tickets"][0]["id"]
    message = hook.ended(issued(hook))
    assert (message["state"], message["attempt_count"], message["last_status"]) == ("failed", 1, 410)
    assert (hook.read()["active"], hook.read()["disabled_reason"]) == (False, "gone")
    street.city.ticket(ticket, "sign")
    hook.receiver.answer = lambda received: 204
    other = hooks.subscribe(street.city, ["ticket.signed"])
    hook.ping()
    hook.receiver.wait_for(2)
    assert [r.type for r in hook.receiver.got] == ["ticket.issued", "webhook.ping"], "a ping also while it is off"
    assert other.read()["active"]


def test_the_receiver_says_when(street, hooks):
    """Retry-After holds the message, and with 429 and 503 the whole receiver, back; but not for ever."""
    first, says = [], [(503, {"Retry-After": "120"}, b"")]
    hook = hooks.subscribe(street.city, ["ticket.issued"], lambda received: says[0] if received.ticket in first else 204)
    whistled(street)
    hook.receiver.wait_for(1)
    case = street.report(category="pothole", at="XF-01")
    street.dispatcher.case(case["id"], "accept")
    street.dispatcher.case(case["id"], "register", level="complex")
    hook.receiver.answer = lambda received: says[0]
    ticket = street.dispatcher.case(case["id"], "whistle", kind="everyday", tickets=tickets_for("city"))["tickets"][0]["id"]
    first.append(ticket)
    message = wait(lambda: hook.deliveries(ticket=ticket), "the message")[0]["id"]
    assert 118 <= pause(hook.tried(message, 1)) <= 125
    paused = datetime.fromisoformat(hook.read()["paused_until"])
    assert timedelta(seconds=100) < paused - datetime.now(paused.tzinfo) < timedelta(seconds=125)
    hook.receiver.answer = lambda received: says[0] if received.ticket in first else 204
    other = whistled(street)["tickets"][0]["id"]
    wait(lambda: hook.deliveries(ticket=other), "another's message")
    assert [d["attempt_count"] for d in hook.deliveries(ticket=other)] == [0], "the receiver is left alone"
    says[0] = (500, {"Retry-After": "99999999"}, b"")
    hook.hasten()
    assert 86400 - 2 <= pause(hook.tried(message, 2)) <= 86400 + 5, "a day at most"
    wait(lambda: hook.deliveries(ticket=other)[0]["state"] == "delivered", "the other one")
    assert hook.read()["paused_until"] is None
    when = (datetime.now(timezone.utc) + timedelta(hours=3)).strftime("%a, %d %b %Y %H:%M:%S GMT")
    says[0] = (429, {"Retry-After": when}, b"")
    hook.hasten()
    assert 3 * 3600 - 60 <= pause(hook.tried(message, 3)) <= 3 * 3600 + 5, "a date, later than the schedule's half hour"
    paused = datetime.fromisoformat(hook.read()["paused_until"])
    assert paused - datetime.now(paused.tzinfo) <= timedelta(hours=1), "the others wait an hour at most"
    says[0] = 204
    hook.hasten()
    assert hook.ended(message)["state"] == "delivered" and hook.read()["paused_until"] is None


def test_redirects_are_not_followed(street, hooks):
    """Not to where they may not go, and not to where they may."""
    elsewhere = hooks.receiver()
    for status in (301, 302, 303, 307, 308):
        hook = hooks.subscribe(street.city, ["ticket.issued"], lambda received, s=status: (s, {"Location": elsewhere.url}, b""))
        ping = hook.ended(hook.ping()["id"])
        assert (ping["last_status"], ping["last_error"], ping["state"]) == (status, "redirect", "failed")
    assert not elsewhere.got


def test_answers_that_are_none(street, hooks):
    """Cut lines, silence, floods, nonsense: a row in the log each, and never more than a little of it is read."""
    silence = threading.Event()
    flood = b"x" * (8 << 20)
    cases = [
        (lambda received: None, "connect", None, "failed"),
        (lambda received: silence.wait(30) and 204, "timeout", None, "failed"),
        (lambda received: (200, {}, flood), None, 200, "delivered"),
        (lambda received: (500, {}, flood), "status", 500, "failed"),
        (lambda received: (204, {"X-Long": "y" * 70000}, b""), "protocol", None, "failed"),
        (lambda received: (200, {"Transfer-Encoding": "chunked"}, b"nonsense"), None, 200, "delivered"),
    ]
    for answer, error, status, state in cases:
        hook = hooks.subscribe(street.admin, ["case.voided"], answer)
        ping = hook.ended(hook.ping()["id"])
        assert (ping["last_error"], ping["last_status"], ping["state"]) == (error, status, state), ping
    silence.set()


def test_nobody_there(street, hooks, service):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]  # bound and not listening: refused
        for url, error in ((f"http://127.0.0.1:{port}/", "connect"), (f"https://127.0.0.1:{hooks.receiver().port}/", "tls"),
                           ("https://nowhere.invalid/", "dns")):
            hook = hooks.subscribe(street.admin, ["case.voided"], receiver=type("At", (), {"url": url}))
            ping = hook.ended(hook.ping()["id"])
            assert (ping["last_error"], ping["last_status"]) == (error, None), ping


def test_a_raw_answer_that_is_no_http(street, hooks):
    with socket.create_server(("127.0.0.1", 0)) as server:
        def speak():
            connection, _ = server.accept()
            connection.recv(65536)
            connection.sendall(b"220 mail.example ESMTP\r\n")
            connection.close()

        threading.Thread(target=speak, daemon=True).start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"
        hook = hooks.subscribe(street.admin, ["case.voided"], receiver=type("At", (), {"url": url}))
        ping = hook.ended(hook.ping()["id"])
        assert ping["last_error"] == "protocol" and ping["last_status"] is None


def test_the_slow_do_not_hold_up_the_quick(street, hooks):
    """Receivers that never answer, with many tickets each, and one that does."""
    silence = threading.Event()
    slow = [hooks.subscribe(street.admin, ["ticket.issued"], lambda received: silence.wait(60) and 204) for _ in range(6)]
    quick = hooks.subscribe(street.city, ["ticket.issued"])
    tickets = [whistled(street)["tickets"][0]["id"] for _ in range(12)]
    quick.receiver.wait_for(12)
    assert sorted(r.ticket for r in quick.receiver.got) == sorted(tickets)
    for hook in slow:
        assert 0 < len(hook.receiver.got) <= 8, "so many at a time to one receiver"
    # Once one has failed, one try at a time is enough to see whether it is back.
    wait(lambda: all(hook.read()["failures"] for hook in slow), "the slow ones' time")
    silence.set()
    for hook in slow:
        hook.receiver.wait(lambda got: len(got) > 8 or len(got) == 12)


def test_sent_again_by_hand(street, hooks, unique):
    refuse = [True]
    hook = hooks.subscribe(street.city, ["ticket.issued"], lambda received: 500 if refuse else 204)
    whistled(street)
    message = issued(hook)
    hook.tried(message, 1)
    path = f"{hook.path}/deliveries/{message}/redeliver"
    refuse.clear()
    # Waiting: brought forward. Delivered: once more, under the same id.
    first = street.city.post(path, {"note": "Lost it"}, key=unique)
    assert first.status == 200 and first["state"] == "pending" and first.headers["Location"] == f"{hook.path}/deliveries/{message}"
    assert hook.ended(message)["attempt_count"] == 2
    again = street.city.post(path, {"note": "Lost it"}, key=unique)
    assert again.headers["Idempotent-Replayed"] == "true" and again["state"] == "delivered"
    assert street.city.post(path).status == 200
    hook.receiver.wait_for(3)
    assert hook.until(message, lambda d: d["attempt_count"] == 3)["state"] == "delivered"
    assert len(set(hook.receiver.ids())) == 1
    assert street.water.post(path).status == 404 and street.admin.post(path.replace(hook.id, street.person("city"))).status == 404
    for action in ("redeliver", "create"):
        assert action in [e["action"] for e in street.city.get(f"{hook.path}/events")["items"]]


def test_a_range_sent_again(street, hooks, unique, db):
    """What was given up in an outage comes when the receiver is back, each ticket in its order, under its old ids."""
    down = [True]
    hook = hooks.subscribe(street.city, ["ticket.issued", "ticket.signed"], lambda received: 500 if down else 204)
    began = datetime.now().astimezone()
    tickets = [whistled(street)["tickets"][0]["id"] for _ in range(3)]
    for ticket in tickets:
        street.city.ticket(ticket, "sign")
    wait(lambda: len(hook.deliveries()) == 6, "six messages")
    # All tries over.
    db.execute("UPDATE webhook_messages SET tries = 9, head = true, not_before = clock_timestamp() WHERE webhook_id = %s", (hook.id,))
    wait(lambda: hook.read()["disabled_reason"] == "exhausted", "the end of tries")
    db.execute("UPDATE webhook_messages SET state = 'failed', head = false, ended_at = clock_timestamp() "
               "WHERE webhook_id = %s AND state = 'pending'", (hook.id,))
    ids = {d["id"] for d in hook.deliveries(state="failed")}
    assert len(ids) == 6
    down.clear()
    hook.receiver.got.clear()
    hook.edit(active=True)
    until = datetime.now().astimezone()
    window = {"from": began.isoformat(), "to": until.isoformat()}
    assert street.city.post(f"{hook.path}/redeliver", window | {"to": began.isoformat()}).code == "out_of_range"
    assert street.city.post(f"{hook.path}/redeliver", {"from": "2020-01-01T00:00:00Z", "to": "2020-01-02T00:00:00Z"})["count"] == 0
    done = street.city.post(f"{hook.path}/redeliver", window, key=unique)
    assert (done.status, done["count"], done["more"]) == (200, 6, False)
    again = street.city.post(f"{hook.path}/redeliver", window, key=unique)
    assert again["count"] == 6 and again.headers["Idempotent-Replayed"] == "true"
    hook.receiver.wait_for(6)
    assert set(hook.receiver.ids()) == ids and len(hook.receiver.got) == 6
    for ticket in tickets:
        assert [r.type for r in hook.receiver.got if r.ticket == ticket] == ["ticket.issued", "ticket.signed"]
    wait(lambda: len(hook.deliveries(state="delivered")) == 6)
    assert street.city.post(f"{hook.path}/redeliver", window)["count"] == 0, "nothing is given up any more"
    assert street.city.post(f"{hook.path}/redeliver", window | {"state": ["delivered"]})["count"] == 6
    hook.receiver.wait_for(12)
    assert set(hook.receiver.ids()) == ids


def test_pings_do_not_pile_up(street, hooks):
    silence = threading.Event()
    hook = hooks.subscribe(street.city, ["ticket.issued"], lambda received: silence.wait(30) and 204)
    for _ in range(5):
        hook.ping()
    assert street.city.post(f"{hook.path}/ping").code == "limit_reached"
    silence.set()


def test_the_log_in_pages(street, hooks):
    hook = hooks.subscribe(street.city, ["ticket.issued"])
    ids = [hook.ended(hook.ping()["id"])["id"] for _ in range(5)]
    page = street.city.get(f"{hook.path}/deliveries", limit=2, count="exact")
    assert page["total"] == 5 and page.headers["Link"].endswith('rel="next"')
    seen = [d["id"] for d in page["items"]]
    while page["next_cursor"]:
        page = street.city.get(f"{hook.path}/deliveries", limit=2, cursor=page["next_cursor"], count="exact")
        seen += [d["id"] for d in page["items"]]
    assert seen == sorted(ids, reverse=True)
    assert "attempts" not in page["items"][0] and "payload" not in page["items"][0]
    assert hook.deliveries(type="ticket.issued") == [] and len(hook.deliveries(type="webhook.ping", state="delivered")) == 5
    assert street.city.get(f"{hook.path}/deliveries/{street.person('city')}").status == 404
