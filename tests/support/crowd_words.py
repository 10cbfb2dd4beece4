"""How what somebody does in the model is said on the wire: method, path, body, version."""

from datetime import timedelta

from .world import GRIDS, Street, person_uuid

POINTS = {code: Street.point(code) for code in GRIDS} | {"away": {"lon": 125.9, "lat": 41.9, "accuracy": 10}}
FAR = {"lon": 125.7, "lat": 41.9, "accuracy": 10}
UNVERSIONED = ("arrive", "plan", "comment", "urge", "supervise", "callback", "contact", "reply_supervision")


def place(code: str) -> dict:
    return {name: POINTS[code][name] for name in ("lon", "lat")}


def stands(point: dict) -> str | None:
    """Of which place this is the point."""
    return next((code for code in POINTS if all(abs(point[name] - at) < 1e-6 for name, at in place(code).items())), "elsewhere") if point["lon"] else None


class Words:
    """A case's row as it was read last (crowd.STORED) gives the ids and versions."""

    def __init__(self, tenant: str, now):
        self.tenant, self.now = tenant, now
        self.doer = {"kind": "person", "id": self.person("dispatcher")}

    def person(self, who: str) -> str:
        return person_uuid(self.tenant, who)

    def moment(self, minutes: int) -> str:
        return (self.now + timedelta(minutes=minutes)).isoformat()

    def said(self, known, op) -> tuple[str, str, dict, int | None]:
        return "PATCH" if op.action == "edit" else "POST", *getattr(self, op.door)(known, op)

    def case(self, known, op):
        version = None if op.action in UNVERSIONED else known.row["version"] - op.stale
        path = f"/v1/cases/{known.id}" + ("" if op.action == "edit" else f"/{op.action.replace('_', '-')}")
        return path, self.case_body(known, op), version

    def ticket(self, known, op):
        row = known.row["tickets"][op.n]
        version = None if op.action in UNVERSIONED else row[5] - op.stale
        return f"/v1/tickets/{row[4]}/{op.action.replace('_', '-')}", self.ticket_body(known, op), version

    def ask(self, known, op):
        row = known.row
        about = f"tickets/{row['tickets'][op.n][4]}" if op.n is not None else f"cases/{known.id}"
        more = {"return": lambda: {"basis": "b"}, "suspend": lambda: {"review_date": "2027-03-08"},
                "delay": lambda: {"until": self.moment(op.body["until"])}}.get(op.action, dict)()
        return f"/v1/{about}/requests", {"kind": op.action, "reason": "r"} | more | self.tickets(op.body.get("tickets")), None

    def decide(self, known, op):
        request, row = known.model.requests[op.request], known.row
        stored = next(r for r in row["requests"] if r[0] == request.kind and (request.ticket is None or row["tickets"][request.ticket][4] == r[1]))
        body = {"reason": "r"} if op.action == "decline" else self.instead(row, op.body)
        return f"/v1/requests/{stored[2]}/{op.action}", body, stored[3] - op.stale

    # Bodies

    @staticmethod
    def tickets(tickets: list[dict] | None) -> dict:
        return {"tickets": [t | {"task": "t"} for t in tickets]} if tickets else {}

    def again(self, row: dict, body: dict) -> dict:
        named = [{"ticket_id": row["tickets"][n][4]} for n in body.get("again", ())]
        return ({"rework_tickets": named} if named else {}) | self.tickets(body.get("fresh"))

    def instead(self, row: dict, body: dict) -> dict:
        told = {}
        if "new_lead" in body:
            told["new_lead"] = {"organisation": body["new_lead"]}
        if "promote" in body:
            n = body["promote"]
            told["promote"] = row["tickets"][n][4] if n < len(row["tickets"]) else person_uuid("nowhere", str(n))
        for name in ("retake", "handler"):
            if name in body:
                told[name] = self.person(body[name])
        return told | self.again(row, body) | self.tickets(body.get("tickets"))

    def supervision(self, known, n: int) -> dict:
        """One stored like that of the model: of several alike the first stands for the first."""
        told = {"text": "t", "supervision_id": person_uuid("nowhere", str(n))}
        if n >= 0:
            drawn = known.model.drawn_supervisions(self.person)
            numbers = {t[4]: i for i, t in enumerate(known.row["tickets"] or [])}
            alike = sorted(s[4] for s in known.row["supervisions"] if (numbers.get(s[0], -1), *s[1:4]) == drawn[n])
            told["supervision_id"] = alike[drawn[:n].count(drawn[n])]
        return told

    def addressee(self, to: tuple[str, str] | None) -> dict:
        return {"addressee": {"kind": to[0], "id": self.person(to[1]) if to[0] == "person" else to[1]}} if to else {}

    def edit(self, body: dict) -> dict:
        told = {name: body[name] for name in ("area", "category") if name in body}
        if "at" in body:
            told["location"] = place(body["at"])
        return told | ({"reporter": {"contactable": body["contactable"]}} if "contactable" in body else {})

    def ticket_body(self, known, op) -> dict:
        return {
            "report_in": lambda: {"point": POINTS["XF-01"]}, "submit": lambda: {"result": "r", "reply": "p"}, "rework": lambda: {"reason": "r"},
            "supervise": lambda: {"opinion": "o"}, "reply_supervision": lambda: self.supervision(known, op.body["n"]),
            "approve": lambda: {"rating": 4} | ({"feedback": {}} if op.body["feedback"] else {}),
            "recall": lambda: {"reason": "r"} | self.instead(known.row, op.body),
        }.get(op.action, dict)()

    def case_body(self, known, op) -> dict:
        b, row, steps = op.body, known.row, known.row["steps"] or []
        step = {"step_id": dict(zip(known.model.steps or (), steps)).get(b.get("step")) or person_uuid("no step", "x")}
        reason, rating = {"reason": "r"}, {"contacted": True, "solved": "no" if b.get("bad") else "yes", "satisfied": 1 if b.get("bad") else 5}
        return {
            "edit": lambda: reason | self.edit(b),
            "reject": lambda: {"code": "not_ours", "basis": "b"} | reason, "object": lambda: reason, "withdraw": lambda: reason,
            "merge": lambda: {"into": op.target.id} | reason, "register": lambda: b, "reclass": lambda: b | reason,
            "ask_verification": lambda: {"grid_worker": self.person(b["who"])}, "report_verification": lambda: {"found": True},
            "reassign": lambda: {"handler": self.person(b["who"])} | reason, "arrive": lambda: {"point": POINTS["XF-01"]},
            "source_done": lambda: {"result": "r", "reply": "p"}, "step_done": lambda: step, "step_waive": lambda: step | reason,
            "whistle": lambda: b | self.tickets(b["tickets"]) | (reason if b["kind"] == "emergency" else {}),
            "plan": lambda: {"steps": [{"what": "w", "due_at": self.moment(n * 1440), "who": self.doer} for n in (2, 3)]},
            "check": lambda: {"pass": b["pass"], "point": self.standing(known, b["far"])} | ({} if b["pass"] else reason) | self.again(row, b),
            "rate": lambda: rating, "callback": lambda: {"reached": True} | rating if b["reached"] else {"reached": False},
            "comment": lambda: {"text": "t", "visibility": "public"}, "supervise": lambda: {"opinion": "o"} | self.addressee(b["to"]),
            "reply_supervision": lambda: self.supervision(known, b["n"]),
        }.get(op.action, dict)()

    @staticmethod
    def standing(known, far: bool) -> dict:
        """Where the checker stands."""
        return FAR if far else POINTS[known.model.at or "XF-01"]
