"""The caller: rights, sight, masks, and what somebody is to a case or ticket."""

from things import Refusal

STAFF = {"grid_worker", "community", "window_clerk", "dispatcher", "leader", "department", "supervisor", "auditor", "admin"}
ALL = {"dispatcher", "leader", "supervisor", "auditor"}


class Person:
    def __init__(self, app, call, row):
        token, self.dict = call.token, app.dict
        self.id, self.name, self.phone, self.org = None, "", None, None
        self.areas: set[str] = set()
        self.grids, self.communities, self.scope = [], [], None
        if row is None and "citizen" in token["roles"] and call.tenant == app.dict.tenant:
            self.roles = ["citizen"]
        elif row is None:
            raise Refusal("unknown_subject")
        elif not row["active"]:
            raise Refusal("subject_inactive")
        else:
            self.id, self.name, self.phone = row["id"], row["name"], row["phone"]
            self.roles = [role for role in token["roles"] if role in row["roles"]]
            if token.get("org") in (None, row["organisation_code"]):
                self.org = row["organisation_code"]
            self.place(row)
        if token.get("areas") is not None:
            self.scope = self.dict.below(token["areas"])
        if not any(role in call.roles for role in self.roles):
            raise Refusal("insufficient_role")

    def place(self, row) -> None:
        """Grids held, communities named or those of the organisation; with all below."""
        held = []
        if "grid_worker" in self.roles:
            self.grids = row["grids"]
            self.communities = [self.dict.areas[grid]["community_code"] for grid in self.grids]
            held += self.grids
        if "community" in self.roles and row["areas"]:
            held += row["areas"]
        elif "community" in self.roles:
            home = row["organisation_code"]
            held += [code for code, a in self.dict.areas.items() if a["kind"] == "community" and home and a["organisation_code"] == home]
        if held:
            self.areas = self.dict.below(held)

    def has(self, *roles: str) -> bool:
        return any(role in self.roles for role in roles)

    def is_one(self, person: str | None) -> bool:
        return person is not None and person == self.id

    def within(self, area: str | None) -> bool:
        return self.scope is None or area is None or area in self.scope

    @property
    def sees_all(self) -> bool:
        return not ALL.isdisjoint(self.roles)

    @property
    def sees_staff(self) -> bool:
        return not STAFF.isdisjoint(self.roles)

    def field_sees(self, c: dict) -> bool:
        if self.has("grid_worker", "community") and (c["area"] in self.areas or c["area"] is None and self.dict.states[c["state"]]["working"]):
            return True
        if self.has("grid_worker") and (self.is_one(c["created_by"]) or self.is_one(c["handler"]) or self.id in c["workers"]
                                        or c["state"] == "checking" and c["community"] in self.communities):
            return True
        return self.has("window_clerk") and c["created_role"] == "window_clerk" and c["created_org"] is not None and c["created_org"] == self.org

    def owner_sees(self, c: dict) -> bool:
        return self.has("citizen") and self.id in c["reporters"] or self.has("client") and self.is_one(c["created_by"])

    def staff_sees(self, c: dict) -> bool:
        return self.within(c["area"]) and (self.sees_all or self.field_sees(c) or self.has("department") and self.org in c["organisations"])

    def sees_case(self, c: dict) -> bool:
        return self.staff_sees(c) or self.within(c["area"]) and self.owner_sees(c)

    def sees_ticket(self, organisation: str, c: dict) -> bool:
        return self.within(c["area"]) and (self.sees_all or self.field_sees(c) or self.has("department") and self.org == organisation)

    def tickets_seen(self, c: dict) -> str:
        """all, own or none: which tickets of a case in sight are shown."""
        if self.sees_all or self.field_sees(c):
            return "all"
        return "own" if self.has("department") else "none"

    def sees_reporter(self, c: dict) -> bool:
        if self.has("auditor"):
            return False
        if self.has("dispatcher", "leader", "supervisor") or self.is_one(c["handler"]) or c["area"] in self.areas:
            return True
        return self.has("department") and not c["reporter_private"] and self.org == c["lead_org"] and self.org in c["open_orgs"]

    def addresses(self, c: dict, role: str) -> set[str]:
        found = {f"person:{self.id}", f"role:{role}"}
        if role == "department":
            found.add(f"organisation:{self.org}")
        if self.is_one(c["handler"]):
            found.add("role:handler")
        return found

    def may_check(self, c: dict, role: str) -> bool:
        """Who worked on it does not check it. That nobody else is left is not looked for: a benchmark's street has others."""
        if self.id in c["workers"]:
            return False
        if role == "community":
            return c["area"] in self.areas
        if role == "grid_worker":
            return c["community"] in self.communities and c["area"] is not None and c["area"] not in self.grids
        return role in ("supervisor", "leader")

    def to_case(self, c: dict) -> set[str]:
        """What the caller is to a case: roles, and role:relation."""
        found = set(self.roles)
        if self.id is None:
            return found
        for role, areas in (("grid_worker", self.grids), ("community", self.areas)):
            if role not in self.roles:
                continue
            if c["area"] in areas:
                found |= {f"{role}:area", f"{role}:reach"}
            elif c["area"] is None:
                found.add(f"{role}:reach")
            if self.is_one(c["handler"]):
                found.add(f"{role}:handler")
        if self.has("department") and self.org:
            found |= {"department:lead"} if c["lead_org"] == self.org else set()
            found |= {"department:open"} if self.org in c["open_orgs"] else set()
        if self.has("window_clerk") and c["created_role"] == "window_clerk" and c["created_org"] == self.org:
            found.add("window_clerk:window")
        for role in self.roles:
            if self.id in c["reporters"] and self.id not in c["withdrawn"]:
                found.add(f"{role}:reporter")
            if c["state"] == "checking" and self.may_check(c, role):
                found.add(f"{role}:check")
            if c["plan_parties"] and not self.addresses(c, role).isdisjoint(c["plan_parties"]):
                found.add(f"{role}:step")
            if c["supervised"] and not self.addresses(c, role).isdisjoint(c["supervised"]):
                found.add(f"{role}:addressee")
        return found

    def case_actions(self, c: dict, relations: set[str]) -> list[str]:
        return [offer["action"] for offer in self.dict.offers.get(c["state"], ())
                if not relations.isdisjoint(offer["who"]) and (offer["action"] != "plan" or c["level"] == "major")]

    def to_ticket(self, t: dict, c: dict) -> set[str]:
        found = set(self.roles)
        if self.has("department") and self.org == t["organisation"]:
            found.add("department:own")
            if may_be_called(t, c):
                found.add("department:caller")
            if t["supervised"]:
                found.add("department:supervised")
        if self.id is not None and self.id not in t["workers"]:
            if self.has("dispatcher"):
                found.add("dispatcher:apart")
            if self.has("community") and c["area"] in self.areas:
                found.add("community:apart")
        return found

    def ticket_actions(self, t: dict, c: dict, relations: set[str]) -> list[str]:
        remote = not self.dict.categories[c["category"]]["on_scene"]
        return [m["action"] for m in self.dict.ticket_moves.get(t["state"], ())
                if m["offered"] and not relations.isdisjoint(m["who"]) and (m["variant"] != "remote" or remote)
                and (m["action"] != "recall" or c["state"] != "suspended" or t["role"] == "assist")]

    def acting_role(self, who: list[str], relations: set[str], near: bool) -> str:
        """The role in which somebody who may, does; else why none of those who may is the caller."""
        for w in who:
            if w in relations:
                return w.split(":")[0]
        for w in who:
            role, _, relation = w.partition(":")
            if role not in self.roles:
                continue
            if not near and w in ("community:check", "grid_worker:check", "community:apart"):
                raise Refusal("not_in_area")
            if relation:
                raise Refusal(self.dict.relations[relation])
        raise Refusal("insufficient_role")


def askable(asks: dict, state: str, relations: set[str]) -> list[str]:
    """Kinds of request that whoever stands in these relations may ask for now."""
    return [ask["kind"] for ask in asks.get(state, ()) if not relations.isdisjoint(ask["who"])]


def may_be_called(t: dict, c: dict) -> bool:
    return t["role"] == "lead" and c["reporter_contactable"] and not c["reporter_anonymous"]


def mask_name(name: str | None) -> str | None:
    return name and name[0] + "*" * (len(name) - 1)


def mask_phone(phone: str | None) -> str | None:
    if phone is None:
        return None
    n = len(phone)
    if n >= 9:
        return phone[:3] + "*" * (n - 7) + phone[-4:]
    return "*" * max(n - 2, 0) + phone[n - min(n // 2, 2):]
