"""One key, one effect; two clients on one object; a stale version changes nothing."""

from concurrent.futures import ThreadPoolExecutor

from support.client import Client
from test_story_complex import whistled


def twin(client: Client) -> Client:
    """The same caller on a connection of its own."""
    return Client(client.base, client.contract, client.token, client.name, client.clock)


def test_the_same_key_eight_times_at_once(street, unique):
    body = street.body(category="litter", at="XF-01")
    clients = [twin(street.citizen) for _ in range(8)]
    before = street.dispatcher.get("/v1/cases", count="exact", limit=1)["total"]
    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda c: c.post("/v1/cases", body, key=unique), clients))
    assert [r.status for r in replies] == [201] * 8
    assert len({r["id"] for r in replies}) == 1
    assert len({r.headers["Location"] for r in replies}) == 1
    assert sum("Idempotent-Replayed" in r.headers for r in replies) == 7
    assert street.dispatcher.get("/v1/cases", count="exact", limit=1)["total"] == before + 1


def test_another_request_under_the_key(street, unique):
    body = street.body(category="litter", at="XF-01")
    assert street.citizen.post("/v1/cases", body, key=unique).status == 201
    other = street.citizen.post("/v1/cases", body | {"description": "Another"}, key=unique)
    assert (other.status, other.code) == (422, "idempotency_key_reused")
    # The key is the caller's own.
    assert street.citizen2.post("/v1/cases", body, key=unique).status == 201


def test_a_refusal_is_not_remembered(street, unique):
    case = street.report(category="litter", at="XF-01")
    path = f"/v1/cases/{case['id']}/register"
    etag = street.dispatcher.get(f"/v1/cases/{case['id']}").etag
    assert street.dispatcher.post(path, {"level": "ordinary"}, etag, key=unique).status == 409
    etag = street.dispatcher.case(case["id"], "accept").etag
    assert street.dispatcher.post(path, {"level": "ordinary"}, etag, key=unique + "b").status == 200


def test_replay_shows_the_object_as_it_is_now(street, unique):
    case = street.report(category="litter", at="XF-01")
    path = f"/v1/cases/{case['id']}/accept"
    etag = street.grid1.get(f"/v1/cases/{case['id']}").etag
    assert street.grid1.post(path, {}, etag, key=unique)["state"] == "accepted"
    street.grid1.case(case["id"], "register", level="ordinary")
    again = street.grid1.post(path, {}, etag, key=unique)
    assert again.status == 200 and again["state"] == "registered"
    assert again.headers["Idempotent-Replayed"] == "true"


def test_two_clients_on_one_ticket(street):
    ticket = whistled(street, organisations=("city",))["tickets"][0]["id"]
    etag = street.city.get(f"/v1/tickets/{ticket}").etag
    clients = [twin(street.city), street.city2]
    with ThreadPoolExecutor(2) as pool:
        replies = list(pool.map(lambda c: c.post(f"/v1/tickets/{ticket}/sign", {}, etag), clients))
    assert sorted(r.status for r in replies) == [200, 412]


def test_sixteen_accept_one_case(street):
    case = street.report(category="litter", at="XF-01")
    etag = street.dispatcher.get(f"/v1/cases/{case['id']}").etag
    clients = [twin(c) for c in (street.dispatcher, street.grid1, street.community_xf, street.dispatcher2) * 4]
    with ThreadPoolExecutor(16) as pool:
        replies = list(pool.map(lambda c: c.post(f"/v1/cases/{case['id']}/accept", {}, etag), clients))
    assert sorted(r.status for r in replies) == [200] + [412] * 15
