"""A few hundred cases lived through over HTTP, each under its own injected time: what the street is multiplied from.

The clock job must not look at them meanwhile (it would judge them by today's time), so its lease is held by us; what
their clocks cause is brought about by calling clock_tick with the time of the story.
"""

import itertools
from datetime import datetime, timedelta, timezone

import requests

from support import tokens
from support.service import Service

TENANT = "maoshan"
LOCAL = timezone(timedelta(hours=8))
GRIDS = ["XF-01", "XF-02", "CA-01", "CA-02", "TJ-01", "TJ-02", "MS-01", "MS-02", "LM-01", "LM-02"]
# The one resident of all stories; each copy of a story gets another.
CITIZEN = "citizen-1"
# Categories that want no photo, with the person of the department that leads.
CATEGORIES = {
    "street-stall": ("urban-management", "urban-1"), "litter": ("sanitation", "sanitation-1"),
    "street-lamp": ("housing", "housing-1"), "illegal-parking": ("public-security", "police-1"),
    "no-water": ("water-heat", "water-1"), "road-dirt": ("sanitation", "sanitation-1"),
    "overhead-line": ("housing", "housing-1"), "site-noise": ("urban-management", "urban-1"),
    "traffic-light": ("public-security", "police-1"), "pruning": ("urban-management", "urban-1"),
}
ASSIST = ("fire", "fire-1")
ROLES = {"citizen": "citizen", "resident": "citizen", "grid": "grid_worker", "community": "community", "dispatcher": "dispatcher",
         "leader": "leader", "supervisor": "supervisor"}


def role_of(subject: str) -> str:
    return ROLES.get(subject.split("-")[0], "department")


def token_of(subject: str) -> str:
    return tokens.mint(subject, [role_of(subject)], TENANT)


class Teller:
    """Acts as anybody at any time."""

    def __init__(self, service: Service):
        self.base = service.base
        self.session = requests.Session()
        self.session.trust_env = False
        self.tokens: dict[str, str] = {}
        self.now = datetime.now(LOCAL)

    def call(self, subject: str, method: str, path: str, body=None, **headers) -> requests.Response:
        token = self.tokens.setdefault(subject, token_of(subject))
        reply = self.session.request(method, self.base + path, json=body, timeout=60, headers={
            "Authorization": f"Bearer {token}", "Whistled-Now": self.now.isoformat(timespec="microseconds"),
        } | {name.replace("_", "-"): value for name, value in headers.items()})
        if reply.status_code >= 300:
            raise RuntimeError(f"{subject} {method} {path}: {reply.status_code} {reply.text[:500]}")
        return reply

    def act(self, subject: str, path: str, action: str, minutes: float = 1, /, **body) -> dict:
        self.now += timedelta(minutes=minutes)
        etag = self.call(subject, "GET", path).headers["ETag"]
        return self.call(subject, "POST", f"{path}/{action}", body, If_Match=etag).json()

    def decide(self, subject: str, request_id: str, action: str, minutes: float = 1, /, **body) -> dict:
        return self.act(subject, f"/v1/requests/{request_id}", action, minutes, **body)


class Story:
    """One case in one grid, step by step."""

    def __init__(self, teller: Teller, grid: str, centre: tuple[float, float], category: str, began: datetime):
        self.teller, self.grid, self.category = teller, grid, category
        self.point = {"lon": round(centre[0], 6), "lat": round(centre[1], 6)}
        self.lead, self.person = CATEGORIES[category]
        self.worker = f"grid-{grid.lower()}"
        self.community = f"community-{grid[:2].lower()}-1"
        teller.now = began

    def create(self, subject: str = CITIZEN, **more) -> "Story":
        body = {"kind": "problem", "category": self.category, "title": f"{self.grid} 门前问题反映",
                "description": f"{self.grid}网格内有居民反映：{self.category}，影响出行和生活，请尽快派人到现场处理。",
                "location": self.point, "address": f"{self.grid}主街{int(self.point['lon'] * 1e4) % 97 + 1}号门前"}
        if subject == CITIZEN:
            body["reporter"] = {"name": "吕秀英", "phone": "13900000701", "contactable": True}
        self.case = self.teller.call(subject, "POST", "/v1/cases", body | more).json()
        self.path = f"/v1/cases/{self.case['id']}"
        return self

    def act(self, subject: str, action: str, minutes: float = 2, /, **body) -> "Story":
        self.case = self.teller.act(subject, self.path, action, minutes, **body)
        return self

    def arrive(self) -> "Story":
        self.teller.now += timedelta(minutes=1)
        self.teller.call(self.worker, "POST", f"{self.path}/arrive", {"point": self.point | {"accuracy": 10}})
        return self

    def registered(self, level: str = "complex") -> "Story":
        return self.act("dispatcher-1", "accept", 1).arrive().act("dispatcher-1", "register", 2, level=level)

    def whistled(self, assist: bool = True, level: str = "complex") -> "Story":
        wanted = [{"organisation": self.lead, "role": "lead", "task": "到现场处理，向反映人说明处理情况"}]
        if assist:
            wanted.append({"organisation": ASSIST[0], "role": "assist", "task": "现场配合，消除隐患"})
        self.registered(level).act("dispatcher-1", "whistle", 3, kind="everyday", tickets=wanted)
        return self

    def ticket(self, role: str) -> str:
        return next(f"/v1/tickets/{t['id']}" for t in self.teller.call("dispatcher-1", "GET", self.path).json()["tickets"]
                    if t["role"] == role and t["state"] not in ("returned", "recalled"))

    def work(self, role: str, upto: str = "submit") -> "Story":
        person, path = self.person if role == "lead" else ASSIST[1], self.ticket(role)
        steps = [("sign", 3, {}), ("report-in", 10, {"point": self.point | {"accuracy": 15}}), ("start", 1, {}),
                 ("submit", 25, {"result": "已处理完毕，现场恢复正常", "reply": "您反映的问题已处理，感谢监督。", "cause_code": "ageing"})]
        for action, minutes, body in steps:
            if action == "report-in" and role == "lead":
                self.teller.now += timedelta(minutes=2)
                self.teller.call(person, "POST", f"{path}/contact", {"note": "已电话联系"})
            self.teller.act(person, path, action, minutes, **body)
            if action == upto:
                break
        return self

    def approve(self, assist: bool = True) -> "Story":
        if assist:
            self.teller.act("dispatcher-1", self.ticket("assist"), "approve", 2, rating=4)
        self.teller.act("dispatcher-1", self.ticket("lead"), "approve", 2, rating=5, feedback={})
        return self

    def check(self, good: bool = True, **more) -> "Story":
        return self.act(self.community, "check", 20, **{"pass": good, "point": self.point | {"accuracy": 12}} | more)

    def rate(self, satisfied: int = 5, solved: str = "yes") -> "Story":
        return self.act(CITIZEN, "rate", 60, contacted=True, solved=solved, satisfied=satisfied, comment="处理得很快")

    def ask(self, subject: str, kind: str, minutes: float = 2, /, **more) -> str:
        self.teller.now += timedelta(minutes=minutes)
        return self.teller.call(subject, "POST", f"{self.path}/requests", {"kind": kind, "reason": "情况复杂"} | more).json()["id"]

    def decide(self, subject: str, request_id: str, action: str, /, **body) -> "Story":
        self.teller.decide(subject, request_id, action, 5, **body)
        return self


def source_rated(s: Story):
    s.create().act(s.worker, "accept", 1).arrive().act(s.worker, "register", 2, level="ordinary")
    s.act(s.worker, "start-source", 1).act(s.worker, "source-done", 12, result="现场清理完毕", reply="已处理").check().rate()


def patrol_unrated(s: Story):
    s.create(s.worker, source="patrol", level="ordinary", register=True, start_source=True, arrived=True, point=s.point | {"accuracy": 8})
    s.act(s.worker, "source-done", 8, result="巡查发现并当场处理", reply="已处理").check()


def whistled_rated(s: Story):
    s.create().whistled().work("lead").work("assist").approve().check().rate()


def whistled_unrated(s: Story):
    s.create().whistled(assist=False).work("lead").approve(assist=False).check()


def checked_twice(s: Story):
    s.create().whistled(assist=False).work("lead").approve(assist=False)
    lead = s.ticket("lead")
    s.check(False, reason="现场仍有残留", rework_tickets=[{"ticket_id": lead.split("/")[-1]}])
    s.teller.act(s.person, lead, "submit", 30, result="重新处理", reply="已重新处理")
    s.approve(assist=False).check().rate(4)


def rejected(s: Story):
    s.create().act("dispatcher-1", "reject", 15, code="not_ours", basis="职责清单", reason="不属于本街道职责")


def voided(s: Story):
    s.create().registered()
    s.decide("leader-secretary", s.ask("dispatcher-1", "void"), "approve")


def unsatisfied(s: Story):
    s.create().whistled(assist=False).work("lead").approve(assist=False).check().rate(2, "partly")
    waiting = s.teller.call("supervisor-1", "GET", s.path).json()["requests"]
    s.decide("supervisor-1", waiting[0]["id"], "decline", reason="已按标准处理")


def received(s: Story):
    s.create()


def accepted(s: Story):
    s.create().act(s.worker, "accept", 1).arrive()


def handled_at_source(s: Story):
    accepted(s)
    s.act(s.worker, "register", 2, level="ordinary").act(s.worker, "start-source", 1)


def whistled(s: Story):
    s.create().whistled()


def handling(s: Story):
    s.create().whistled().work("lead", "start").work("assist", "sign")


def checking(s: Story):
    s.create().whistled(assist=False).work("lead").approve(assist=False)


def suspended(s: Story):
    s.create().whistled(assist=False)
    until = (s.teller.now + timedelta(days=80)).date().isoformat()
    s.decide("leader-secretary", s.ask("dispatcher-1", "suspend", review_date=until), "approve")


def evaluating(s: Story):
    checking(s)
    s.check()


def asked(s: Story):
    """A request waits, so that reads show one."""
    s.create().whistled(assist=False)
    s.ask("dispatcher-1", "void")


# name: (story, days ago, share of all copies). Old open cases have lived through all their clocks.
PLOTS = {
    "source_rated": (source_rated, 40, 0.34), "patrol_unrated": (patrol_unrated, 40, 0.12),
    "whistled_rated": (whistled_rated, 40, 0.28), "whistled_unrated": (whistled_unrated, 40, 0.08),
    "checked_twice": (checked_twice, 40, 0.03), "rejected": (rejected, 40, 0.05), "voided": (voided, 40, 0.02),
    "unsatisfied": (unsatisfied, 40, 0.02),
    "old_received": (received, 16, 0.005), "old_source": (handled_at_source, 16, 0.01), "old_whistled": (whistled, 16, 0.01),
    "old_handling": (handling, 16, 0.01), "old_checking": (checking, 16, 0.003), "old_suspended": (suspended, 16, 0.005),
    "old_asked": (asked, 16, 0.002),
    "new_accepted": (accepted, 0, 0.002), "new_whistled": (whistled, 0, 0.002), "new_handling": (handling, 0, 0.006),
    "new_evaluating": (evaluating, 0, 0.003),
}


def centres(connection) -> dict[str, tuple[float, float]]:
    return {code: (lon, lat) for code, lon, lat in connection.execute(
        "SELECT code, ST_X(ST_Centroid(geometry)), ST_Y(ST_Centroid(geometry)) FROM areas WHERE kind = 'grid'")}


def settle(connection, upto: datetime) -> None:
    """What time alone brings about, until then."""
    while connection.execute("SELECT clock_tick(%s)", (upto,)).fetchone()[0]:
        pass


def tell_all(service: Service, connection, grids: list[str]) -> list[tuple[str, str]]:
    """Tells every plot in every grid; returns (plot, case). The oldest first, and each age settled before the next begins."""
    teller, told, where = Teller(service), [], centres(connection)
    categories = itertools.cycle(CATEGORIES)
    now = datetime.now(LOCAL)
    for age in sorted({days for _, days, _ in PLOTS.values()}, reverse=True):
        for name, (plot, days, _) in PLOTS.items():
            if days != age:
                continue
            for grid in grids:
                began = now - (timedelta(days=days) if days else timedelta(minutes=100))
                story = Story(teller, grid, where[grid], next(categories), began)
                plot(story)
                told.append((name, story.case["id"]))
        if age:
            settle(connection, now - timedelta(days=age - 12))
    settle(connection, now)
    return told
