"""Every guard refuses once, with its status and code, in the order of the first that applies; a refusal has no effect."""

import uuid
from datetime import timedelta

import pytest
from support.world import iso
from test_story_complex import whistled, work

POINT = {"lon": 125.7, "lat": 41.6, "accuracy": 10}


def refused(reply, status, code):
    assert (reply.status, reply.code) == (status, code), reply
    return reply


@pytest.fixture
def received(street):
    return street.report(category="litter", at="XF-01")


def in_state(street, state):
    """A case of grid XF-01 led by grid1 to that state."""
    case = street.report(category="litter", at="XF-01")
    steps = [("accepted", "accept", {}), ("registered", "register", {"level": "ordinary"}),
             ("source_handling", "start-source", {}),
             ("checking", "source-done", {"result": "r", "reply": "p"})]
    if state == "rejected":
        return street.dispatcher.case(case["id"], "reject", code="not_ours", basis="b", reason="r")
    for reached, action, body in steps:
        if case["state"] == state:
            break
        case = street.grid1.case(case["id"], action, **body)
        assert case["state"] == reached
    return case


class TestOrder:
    """machines.md 6, read from the top: a request with several faults gets the first."""

    def test_no_route_before_token(self, anonymous):
        refused(anonymous.get("/v1/nothing"), 404, "no_such_route")

    def test_method_before_token(self, anonymous):
        reply = refused(anonymous.request("DELETE", "/v1/cases"), 405, "method_not_allowed")
        assert reply.headers["Allow"].replace(" ", "").split(",")

    def test_media_type_before_token(self, anonymous):
        reply = anonymous.request("POST", "/v1/cases", headers={"Content-Type": "text/plain"}, data=b"{}")
        refused(reply, 415, "unsupported_media_type")

    def test_token_before_role(self, anonymous):
        reply = anonymous.post(f"/v1/cases/{uuid.uuid4()}/accept", {})
        refused(reply, 401, "unauthorized")
        assert reply.headers["WWW-Authenticate"].startswith("Bearer")

    def test_role_before_body(self, street):
        reply = refused(street.citizen.post(f"/v1/cases/{uuid.uuid4()}/accept", {"x": 1}), 403, "insufficient_role")
        assert 'error="insufficient_scope"' in reply.headers["WWW-Authenticate"]

    def test_subject_before_body(self, street):
        stranger = street.client("nobody-knows-me", ["dispatcher"])
        refused(stranger.post(f"/v1/cases/{uuid.uuid4()}/accept", {"x": 1}), 403, "unknown_subject")

    def test_role_the_database_denies_before_body(self, street):
        pretender = street.client("grid1", ["grid_worker", "dispatcher"])
        path = f"/v1/cases/{uuid.uuid4()}/reject"
        refused(pretender.post(path, {"x": 1}), 403, "insufficient_role")

    def test_body_before_precondition(self, street, received):
        reply = street.grid1.post(f"/v1/cases/{received['id']}/accept", {"x": 1})
        refused(reply, 422, "invalid_body")
        assert reply.pointers == ["/x"]

    def test_precondition_before_sight(self, street):
        refused(street.grid1.post(f"/v1/cases/{uuid.uuid4()}/accept", {}), 428, "precondition_required")

    def test_sight_before_version(self, street, received):
        refused(street.grid3.post(f"/v1/cases/{received['id']}/accept", {}, '"999"'), 404, "not_found")

    def test_version_before_state(self, street):
        case = in_state(street, "checking")
        reply = refused(street.grid1.post(f"/v1/cases/{case['id']}/accept", {}, '"1"'), 412, "precondition_failed")
        assert reply["version"] == case["version"]

    def test_state_before_person(self, street):
        case = in_state(street, "checking")
        reply = refused(street.grid1.case(case["id"], "source-done", 409, result="r", reply="p"), 409,
                        "invalid_transition")
        assert reply["state"] == "checking"
        assert "check" not in reply["allowed_actions"], "the handler may not check"

    def test_person_before_row(self, street):
        case = whistled(street, organisations=("city",))
        work(street.city, case["tickets"][0]["id"], POINT, reply="p")
        street.dispatcher.ticket(case["tickets"][0]["id"], "approve", rating=5, feedback={})
        failing = {"pass": False, "reason": "r", "point": street.point("XF-01")}
        refused(street.grid3.post(f"/v1/cases/{case['id']}/check", failing, '"1"'), 404, "not_found")
        refused(street.grid2.case(case["id"], "check", 422, **failing), 422, "lead_not_named")


class TestCase:
    def test_accept_in_other_area_is_out_of_sight(self, street, received):
        refused(street.grid2.post(f"/v1/cases/{received['id']}/accept", {}, '"1"'), 404, "not_found")

    def test_accept_twice(self, street, received):
        street.grid1.case(received["id"], "accept")
        refused(street.grid1.case(received["id"], "accept", 409), 409, "invalid_transition")

    def test_only_a_dispatcher_rejects(self, street, received):
        reply = street.grid1.post(f"/v1/cases/{received['id']}/reject",
                                  {"code": "not_ours", "basis": "b", "reason": "r"}, '"1"')
        refused(reply, 403, "insufficient_role")

    def test_register_above_ordinary_is_the_dispatchers(self, street):
        case = in_state(street, "accepted")
        refused(street.grid1.case(case["id"], "register", 403, level="complex"), 403, "level_not_allowed")

    def test_source_done_by_another_than_the_handler(self, street):
        case = in_state(street, "source_handling")
        refused(street.community_xf.case(case["id"], "source-done", 403, result="r", reply="p"), 403, "not_handler")

    def test_source_done_without_the_photo_that_the_category_wants(self, street):
        case = street.report(category="pothole_photo", at="XF-01")
        for action, body in (("accept", {}), ("register", {"level": "ordinary"}), ("start-source", {})):
            street.grid1.case(case["id"], action, **body)
        refused(street.grid1.case(case["id"], "source-done", 422, result="r", reply="p"), 422, "photo_missing")
        photo = street.photo(street.grid1)
        done = street.grid1.case(case["id"], "source-done", result="r", reply="p", attachments=[photo])
        assert done["state"] == "checking"

    def test_first_whistle_names_exactly_one_lead(self, street):
        case = in_state(street, "registered")
        for roles in (["assist"], ["lead", "lead"]):
            tickets = [{"organisation": o, "role": r, "task": "t"} for o, r in zip(("city", "water"), roles)]
            reply = street.dispatcher.case(case["id"], "whistle", 422, kind="everyday", tickets=tickets)
            assert reply.code in ("lead_not_named", "invalid_body"), reply

    def test_whistle_for_an_organisation_that_is_none(self, street):
        case = in_state(street, "registered")
        tickets = [{"organisation": "nowhere", "role": "lead", "task": "t"}]
        reply = street.dispatcher.case(case["id"], "whistle", 422, kind="everyday", tickets=tickets)
        assert reply.pointers == ["/tickets/0/organisation"]

    def test_everyday_whistle_is_the_dispatchers(self, street):
        case = in_state(street, "registered")
        reply = street.community_xf.case(case["id"], "whistle", 403, kind="everyday",
                                         tickets=[{"organisation": "city", "role": "lead", "task": "t"}])
        assert reply.status == 403

    def test_feedback_needs_closed_tickets(self, street):
        case = whistled(street)
        lead, assist = (t["id"] for t in case["tickets"])
        street.city.ticket(lead, "sign")
        refused(street.dispatcher.case(case["id"], "feedback", 409), 409, "open_tickets")

    def test_check_too_far(self, street):
        case = in_state(street, "checking")
        far = street.point("XF-01") | {"lat": street.point("XF-01")["lat"] + 0.01}
        refused(street.grid2.case(case["id"], "check", 422, point=far, **{"pass": True}), 422, "too_far")

    def test_check_accuracy_counts_for_100_m_at_most(self, street):
        case = in_state(street, "checking")
        # 0.0026 degrees of latitude are 289 m: inside 200 + 100, outside 200 + 80
        near = street.point("XF-01") | {"lat": street.point("XF-01")["lat"] + 0.0026}
        refused(street.grid2.case(case["id"], "check", 422, point=near | {"accuracy": 80}, **{"pass": True}),
                422, "too_far")
        street.grid2.case(case["id"], "check", point=near | {"accuracy": 5000}, **{"pass": True})

    def test_checker_did_not_work_on_it(self, street):
        case = in_state(street, "checking")
        reply = street.grid1.case(case["id"], "check", 403, point=street.point("XF-01"), **{"pass": True})
        refused(reply, 403, "worked_on_it")

    def test_arriving_is_working_on_it(self, street):
        case = in_state(street, "source_handling")
        arrived = street.community_xf.post(f"/v1/cases/{case['id']}/arrive", {"point": street.point("XF-01")})
        assert arrived.status == 200
        street.grid1.case(case["id"], "source-done", result="r", reply="p")
        reply = street.community_xf.case(case["id"], "check", 403, point=street.point("XF-01"), **{"pass": True})
        refused(reply, 403, "worked_on_it")

    def test_each_reporter_rates_once(self, street, clock):
        case = in_state(street, "checking")
        street.grid2.case(case["id"], "check", point=street.point("XF-01"), **{"pass": True})
        street.citizen.case(case["id"], "rate", contacted=True, solved="yes", satisfied=5)
        refused(street.citizen.case(case["id"], "rate", 409, contacted=True, solved="yes", satisfied=5), 409,
                "already_done")

    def test_rejected_accepts_nothing(self, street):
        case = in_state(street, "rejected")
        for action, body in (("accept", {}), ("register", {"level": "ordinary"}), ("start-source", {})):
            refused(street.grid1.case(case["id"], action, 409, **body), 409, "invalid_transition")

    def test_plan_only_for_major(self, street, clock):
        case = in_state(street, "registered")
        step = {"what": "w", "due_at": iso(clock.now + timedelta(days=1)),
                "who": {"kind": "person", "id": street.person("dispatcher")}}
        refused(street.dispatcher.post(f"/v1/cases/{case['id']}/plan", {"steps": [step]}), 409, "not_major")

    def test_plan_due_in_the_future(self, street, clock):
        case = street.report(category="litter", at="XF-01")
        street.dispatcher.case(case["id"], "accept")
        street.dispatcher.case(case["id"], "register", level="major")
        step = {"what": "w", "due_at": iso(clock.now - timedelta(seconds=1)),
                "who": {"kind": "person", "id": street.person("dispatcher")}}
        reply = street.dispatcher.post(f"/v1/cases/{case['id']}/plan", {"steps": [step]})
        assert reply.status == 422 and reply.pointers == ["/steps/0/due_at"]

    def test_step_done_by_whom_it_names(self, street, clock):
        case = street.report(category="litter", at="XF-01")
        street.dispatcher.case(case["id"], "accept")
        street.dispatcher.case(case["id"], "register", level="major")
        step = {"what": "w", "due_at": iso(clock.now + timedelta(days=1)),
                "who": {"kind": "person", "id": street.person("leader")}}
        street.dispatcher.post(f"/v1/cases/{case['id']}/plan", {"steps": [step]})
        request = next(r for r in street.leader.get("/v1/requests", state="pending", limit=200)["items"]
                       if r["case_id"] == case["id"])
        etag = street.leader.get(f"/v1/requests/{request['id']}").etag
        assert street.leader2.post(f"/v1/requests/{request['id']}/approve", {}, etag).status == 200
        plan = street.dispatcher.get(f"/v1/cases/{case['id']}")["plan"]
        reply = street.dispatcher.case(case["id"], "step-done", 403, step_id=plan["steps"][0]["step_id"])
        assert reply.status == 403


class TestTicket:
    @pytest.fixture
    def ticket(self, street):
        return whistled(street, organisations=("city",))["tickets"][0]["id"]

    def test_another_department_sees_nothing(self, street, ticket):
        refused(street.water.get(f"/v1/tickets/{ticket}"), 404, "not_found")
        refused(street.water.post(f"/v1/tickets/{ticket}/sign", {}, '"1"'), 404, "not_found")

    @pytest.mark.parametrize("action,body", [
        ("report-in", {"point": POINT}), ("start", {}), ("submit", {"result": "r", "reply": "p"}),
        ("contact", {}),
    ])
    def test_not_before_signing(self, street, ticket, action, body):
        path = f"/v1/tickets/{ticket}"
        reply = street.city.post(f"{path}/{action}", body, street.city.get(path).etag)
        refused(reply, 409, "invalid_transition")

    def test_on_scene_starts_after_reporting_in(self, street, ticket):
        street.city.ticket(ticket, "sign")
        refused(street.city.ticket(ticket, "start", 409), 409, "invalid_transition")

    def test_the_leads_submission_has_a_reply(self, street, ticket):
        street.city.ticket(ticket, "sign")
        street.city.ticket(ticket, "report-in", point=POINT)
        street.city.ticket(ticket, "start")
        reply = street.city.ticket(ticket, "submit", 422, result="r")
        assert reply.pointers == ["/reply"]

    def test_submit_without_contact_is_flagged(self, street, ticket):
        assert work(street.city, ticket, POINT, reply="p")["not_contacted"] is True

    def test_nobody_approves_their_own(self, street, ticket):
        work(street.city, ticket, POINT, reply="p")
        reply = street.city.post(f"/v1/tickets/{ticket}/approve", {"rating": 5}, '"1"')
        refused(reply, 403, "insufficient_role")

    def test_community_approves_but_only_a_dispatcher_adds_feedback(self, street, ticket):
        work(street.city, ticket, POINT, reply="p")
        reply = street.community_xf.ticket(ticket, "approve", 403, rating=5, feedback={})
        assert reply.status == 403
        assert street.dispatcher.get(f"/v1/tickets/{ticket}")["state"] == "submitted", "nothing was done"
        assert street.community_xf.ticket(ticket, "approve", rating=5)["state"] == "closed"


class TestRequest:
    @pytest.fixture
    def plan(self, street, clock):
        case = street.report(category="litter", at="XF-01")
        street.dispatcher.case(case["id"], "accept")
        street.dispatcher.case(case["id"], "register", level="major")
        step = {"what": "w", "due_at": iso(clock.now + timedelta(days=1)),
                "who": {"kind": "person", "id": street.person("dispatcher")}}
        street.dispatcher.post(f"/v1/cases/{case['id']}/plan", {"steps": [step]})
        return next(r for r in street.leader.get("/v1/requests", state="pending", limit=200)["items"]
                    if r["case_id"] == case["id"])

    def test_deciding_wants_a_version(self, street, plan):
        refused(street.leader.post(f"/v1/requests/{plan['id']}/approve", {}), 428, "precondition_required")
        refused(street.leader.post(f"/v1/requests/{plan['id']}/approve", {}, '"99"'), 412, "precondition_failed")

    def test_decided_once(self, street, plan):
        etag = street.leader.get(f"/v1/requests/{plan['id']}").etag
        assert street.leader.post(f"/v1/requests/{plan['id']}/approve", {}, etag).status == 200
        etag = street.leader.get(f"/v1/requests/{plan['id']}").etag
        refused(street.leader.post(f"/v1/requests/{plan['id']}/decline", {"reason": "r"}, etag), 409,
                "invalid_transition")

    def test_out_of_sight(self, street, plan):
        refused(street.grid3.get(f"/v1/requests/{plan['id']}"), 404, "not_found")

    def test_only_the_asker_withdraws(self, street, plan):
        etag = street.leader.get(f"/v1/requests/{plan['id']}").etag
        reply = street.leader.post(f"/v1/requests/{plan['id']}/withdraw", {}, etag)
        assert reply.status == 403


def test_tickets_where_none_is_worked_on_again(street):
    """A pass, and a fail that goes back to the source, open no ticket: naming some is a mistake and not passed over."""
    case = street.report(at="XF-01", category="litter")["id"]
    for action, body in (("accept", {}), ("register", {"level": "ordinary"}), ("start-source", {}), ("source-done", {"result": "r", "reply": "p"})):
        street.grid1.case(case, action, **body)
    here = {"point": street.point("XF-01")}
    new = [{"organisation": "city", "role": "lead", "task": "t"}]
    old = [{"ticket_id": "01934802-7a10-7c3e-9b57-2f0a6d1c8e44"}]
    for verdict in ({"pass": False, "reason": "No"}, {"pass": True}):
        for field, value in (("tickets", new), ("rework_tickets", old)):
            reply = street.grid2.case(case, "check", 422, **here, **verdict, **{field: value})
            assert (reply.code, reply.pointers) == ("invalid_value", [f"/{field}"])
    assert street.grid2.case(case, "check", **here, reason="No", tickets=[], **{"pass": False})["state"] == "source_handling"


def test_what_the_body_lacks_is_said_before_the_version_is_asked_for(street):
    """machines.md 6: 400 and 422 of the body, a missing reason too, come before 428."""
    case = street.report(at="XF-01", category="litter")["id"]
    path = f"/v1/cases/{case}"
    reply = street.supervisor.post(f"{path}/check", {"pass": False})
    assert (reply.status, reply.code, reply.pointers) == (422, "invalid_body", ["/reason"])
    assert street.supervisor.post(f"{path}/check", {"pass": True}).status == 428
    assert street.supervisor.post(f"{path}/check", {"pass": False, "reason": "No"}).status == 428
    reply = street.supervisor.post(f"{path}/callback", {"reached": True, "solved": "yes"})
    assert (reply.status, reply.pointers) == (422, ["/contacted", "/satisfied"]), "all that is missing"
    assert street.supervisor.post(f"{path}/callback", {"reached": False}).code == "invalid_transition"
