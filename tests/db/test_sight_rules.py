"""What a list shows and what a single read shows are the same rows: the list's conditions are set against the rules, row by row,
over cases in every state and relation, for every person and every narrowing of the token. Nothing of it is committed."""

import random
import uuid

import psycopg
import pytest
from support.world import PEOPLE, person_uuid

STATES = ("received accepted verifying registered source_handling whistled handling checking evaluating closed rejected merged "
          "suspended voided").split()
ROLES = ["citizen", "grid_worker", "community", "window_clerk", "department", "dispatcher", "leader", "supervisor", "auditor"]
NARROWINGS = [None, ["ST"], ["XF"], ["XF-02"], ["CA", "XF-01"], []]
TENANT = "street"
ID = {subject: person_uuid(TENANT, subject) for subject in PEOPLE}


def put(connection, table, **row):
    connection.execute(
        f"INSERT INTO {table} ({', '.join(row)}) VALUES ({', '.join(['%s'] * len(row))})", list(row.values()))


def put_case(connection, dice: random.Random, at) -> None:
    case, area = uuid.UUID(int=dice.getrandbits(128)), dice.choice(["XF-01", "XF-02", "CA-01", None, None])
    reporters = [uuid.UUID(ID[r]) for r in dice.sample(["citizen", "citizen2"], dice.choice([0, 0, 1, 2]))]
    seeing = dice.sample(["city", "water"], dice.choice([0, 0, 1, 2]))
    somebody = lambda share: uuid.UUID(dice.choice(list(ID.values()))) if dice.random() < share else None  # noqa: E731
    workers = [w for w in [somebody(0.2)] if w]
    # Who acted as a citizen is a reporter.
    role, creator = dice.choice(["citizen", "window_clerk", "dispatcher"]), somebody(0.3)
    if role == "citizen":
        creator = next(iter(reporters), None)
    put(connection, "cases", tenant=TENANT, id=case, number=str(case)[:8], state=dice.choice(STATES), kind="problem",
        category="litter", description="d", source="phone", area=area, community=area and area[:2],
        created_by=creator, created_role=role, created_org=dice.choice(["xf", "office"]), reporters=reporters, handler=somebody(0.2),
        workers=workers, organisations=seeing, policy_version=1, received_at=at,
        round_started_at=at, state_at=at, updated_at=at)
    for worker in workers:
        put(connection, "case_workers", tenant=TENANT, person_id=worker, received_at=at, case_id=case)
    for n, reporter in enumerate(reporters, start=1):
        put(connection, "case_reporters", tenant=TENANT, case_id=case, n=n, person_id=reporter, at=at)
    put(connection, "whistles", tenant=TENANT, id=case, case_id=case, kind="everyday", round=1, blown_at=at,
        blown_role="dispatcher")
    for n, organisation in enumerate(["city", "water"], start=1):
        state = "issued" if organisation in seeing else dice.choice(["returned", "recalled"])
        put(connection, "tickets", tenant=TENANT, id=uuid.UUID(int=dice.getrandbits(128)), case_id=case, n=n, whistle_id=case,
            kind="everyday", role="assist", organisation=organisation, state=state, state_at=at, task="t", round=1,
            issued_at=at, issued_role="dispatcher", finish_started_at=at, updated_at=at)


@pytest.fixture(scope="module")
def crowd(owner_url, request):
    """Two hundred cases of every sort, gone at the end."""
    dice = random.Random(20241120)
    connection = psycopg.connect(owner_url)
    schema = connection.execute(
        "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'api\\_%' ORDER BY oid DESC LIMIT 1").fetchone()[0]
    connection.execute(f"SET search_path = {schema}, whistled, public")
    at = connection.execute("SELECT clock_timestamp()").fetchone()[0]
    for _ in range(200):
        put_case(connection, dice, at)
    yield connection
    connection.rollback()
    connection.close()


LISTED = """
    SELECT unnest(l.ids) FROM me(%(tenant)s, %(subject)s, %(roles)s, %(all)s, NULL, %(areas)s::text[]) AS m
    CROSS JOIN LATERAL {kind}_list(m, NULL, NULL, '{sort}', NULL, 100000, NULL, clock_timestamp()) AS l"""
ME = "(SELECT me(%(tenant)s, %(subject)s, %(roles)s, %(all)s, NULL, %(areas)s::text[]) AS me) AS m"
RULES = {
    "case": f"SELECT c.id FROM cases c, {ME} WHERE c.tenant = %(tenant)s AND case_in_sight(m.me, c)",
    "ticket": f"SELECT t.id FROM tickets t JOIN cases c ON c.tenant = t.tenant AND c.id = t.case_id, {ME} "
              "WHERE t.tenant = %(tenant)s AND ticket_in_sight(m.me, t, c)",
}


@pytest.mark.parametrize("subject", [s for s in PEOPLE if set(PEOPLE[s][1]) <= set(ROLES)])
def test_lists_show_what_may_be_read(crowd, subject):
    for areas in NARROWINGS:
        who = {"tenant": TENANT, "subject": subject, "roles": PEOPLE[subject][1], "all": ROLES, "areas": areas}
        for kind, sort in (("case", "received"), ("ticket", "issued")):
            listed = {row[0] for row in crowd.execute(LISTED.format(kind=kind, sort=sort), who)}
            visible = {row[0] for row in crowd.execute(RULES[kind], who)}
            assert listed == visible, f"{subject}, {kind}, token for {areas}"


@pytest.mark.parametrize("subject", [s for s in PEOPLE if set(PEOPLE[s][1]) <= set(ROLES)])
def test_a_token_for_areas_never_shows_more(crowd, subject):
    who = {"tenant": TENANT, "subject": subject, "roles": PEOPLE[subject][1], "all": ROLES}
    whole = {row[0] for row in crowd.execute(RULES["case"], who | {"areas": None})}
    for areas in NARROWINGS[1:]:
        assert {row[0] for row in crowd.execute(RULES["case"], who | {"areas": areas})} <= whole, f"{subject}, {areas}"
