"""督办: by people with a reply, by the system in stages; each once, caught up after an outage."""

from datetime import timedelta

from support.asking import at_source, ticked, whistled
from support.world import iso


def listed(client, **filters):
    return client.get("/v1/supervisions", limit=200, **filters)["items"]


def test_a_leader_supervises_and_the_handler_replies(street, clock):
    case = at_source(street, "source_handling")
    path = f"/v1/cases/{case['id']}"
    assert street.dispatcher.post(f"{path}/supervise", {"opinion": "Hurry"}).status == 403
    due = iso(clock.now + timedelta(hours=2))
    done = street.leader.post(f"{path}/supervise", {"opinion": "Hurry", "reply_due_at": due})
    assert done.status == 200 and done["version"] == case["version"]
    mine = [s for s in listed(street.grid1, state="open", mine="true") if s["case_id"] == case["id"]]
    assert [(s["opinion"], s["reply_due_at"], s["answerable"]) for s in mine] == [("Hurry", due, True)]
    assert mine[0]["addressee"]["name"] == "Grid One" and mine[0]["raised_by"]["name"] == "Leader One"
    assert "reply_supervision" in street.grid1.get(path)["allowed_actions"]
    assert "reply_supervision" in {w["action"] for w in street.grid1.get("/v1/me/work")["items"]}
    reply = {"supervision_id": mine[0]["id"], "text": "On it"}
    assert street.community_xf.post(f"{path}/reply-supervision", reply).code == "not_handler"
    assert street.grid1.post(f"{path}/reply-supervision", reply).status == 200
    assert street.grid1.post(f"{path}/reply-supervision", reply).status in (403, 422)
    answered = listed(street.leader, case=case["id"], state="replied")
    assert [(s["reply"], s["replied_by"]["name"], s["replied_at"]) for s in answered] == [("On it", "Grid One", iso(clock.now))]
    assert listed(street.leader, case=case["id"], state="open") == []
    assert listed(street.grid3, case=case["id"]) == []
    assert street.citizen.get("/v1/supervisions").status == 403


def test_whom_it_addresses(street):
    case = whistled(street, "city")
    path = f"/v1/cases/{case['id']}/supervise"
    nobody = street.leader.post(path, {"opinion": "Now", "addressee": {"kind": "organisation", "id": "water"}})
    assert (nobody.status, nobody.code, nobody.pointers) == (422, "unknown_reference", ["/addressee/id"])
    street.supervisor.post(path, {"opinion": "Now", "addressee": {"kind": "role", "id": "dispatcher"}})
    street.supervisor.post(path, {"opinion": "And you"})
    assert [s["opinion"] for s in listed(street.city, case=case["id"])] == ["And you"], "of the case only what addresses it"
    page = street.supervisor.get("/v1/supervisions", case=case["id"], limit=1, count="exact")
    assert page["total"] == 2 and page["items"][0]["opinion"] in ("Now", "And you")
    rest = street.supervisor.get("/v1/supervisions", case=case["id"], limit=1, cursor=page["next_cursor"])
    assert {page["items"][0]["opinion"], rest["items"][0]["opinion"]} == {"Now", "And you"}
    mine = listed(street.dispatcher2, case=case["id"], mine="true")
    assert [s["opinion"] for s in mine] == ["Now"]


def test_a_department_replies_about_its_ticket(street):
    case = whistled(street, "city", "water")
    lead = case["tickets"][0]["id"]
    assert street.leader.post(f"/v1/tickets/{lead}/supervise", {"opinion": "Where are you?"}).status == 200
    raised = listed(street.city, ticket=lead, state="open")
    assert [(s["addressee"]["id"], s["answerable"]) for s in raised] == [("city", True)]
    assert listed(street.water, ticket=lead) == []
    reply = {"supervision_id": raised[0]["id"], "text": "At the door"}
    assert street.dispatcher.post(f"/v1/tickets/{lead}/reply-supervision", reply).status == 403
    assert street.city2.post(f"/v1/tickets/{lead}/reply-supervision", reply).status == 200
    assert listed(street.leader, ticket=lead)[0]["reply"] == "At the door"


def stages(db, case):
    rows = db.execute("SELECT clock, stage, addressee_kind || ':' || addressee, raised_at FROM supervisions "
                      "WHERE case_id = %s AND clock IS NOT NULL ORDER BY raised_at, clock", (case["id"],)).fetchall()
    return rows


def test_stages_come_once_and_are_caught_up(street, clock, db):
    start = clock.now
    case = at_source(street, "source_handling")
    street.grid1.post(f"/v1/cases/{case['id']}/arrive", {"point": street.point("XF-01")})
    handler = f"person:{street.person('grid1')}"
    expected = [("resolve", 80, handler, start + timedelta(minutes=24)),
                ("resolve", 100, "role:dispatcher", start + timedelta(minutes=30)),
                ("resolve", 120, "role:leader", start + timedelta(minutes=36))]
    clock.now = start + timedelta(minutes=24)
    ticked(db, street, case)
    assert stages(db, case) == expected[:1]
    # Down for two hours: what was missed is raised with its own time, and only once.
    clock.now = start + timedelta(hours=2)
    for _ in range(3):
        ticked(db, street, case)
    assert stages(db, case) == expected
    raised = listed(street.leader, case=case["id"])
    assert {(s["clock"], s["stage"], s["raised_role"]) for s in raised} == {("resolve", n, "system") for n in (80, 100, 120)}
    assert [s["addressee"]["id"] for s in listed(street.leader2, case=case["id"], mine="true")] == ["leader"]


def test_a_due_that_moves_moves_its_stage_and_repeats_none(street, clock, db):
    start = clock.now
    case = at_source(street, "source_handling")
    street.grid1.post(f"/v1/cases/{case['id']}/arrive", {"point": street.point("XF-01")})
    clock.now = start + timedelta(minutes=25)
    ticked(db, street, case)
    street.dispatcher.case(case["id"], "reclass", level="complex", reason="Bigger")
    clock.now = start + timedelta(hours=4)
    ticked(db, street, case)
    found = [(clock_, stage, at) for clock_, stage, _, at in stages(db, case)]
    assert found == [("resolve", 80, start + timedelta(minutes=24)), ("resolve", 100, start + timedelta(hours=4))]


def test_sign_goes_to_the_dispatcher_and_finish_to_the_department(street, clock, db):
    case = whistled(street, "city")
    start = clock.now
    clock.now = start + timedelta(hours=4)
    ticked(db, street, case)
    found = {(c, s): (a, at) for c, s, a, at in stages(db, case)}
    assert found["sign", 100] == ("role:dispatcher", start + timedelta(hours=1))
    assert ("sign", 80) not in found and ("sign", 120) not in found
    assert found["finish", 80] == ("organisation:city", start + timedelta(minutes=192))
    assert found["resolve", 80][0] == "organisation:city"
