"""Group commit under fire: what refusals and errors among the writes cost those that are well. tests/api/test_group_commit.py says that they lose nothing."""

from pathlib import Path

from .cluster import Cluster
from .scenarios import Operation, report_body, step
from .targets import own_targets
from .volley import Failed, fire

DATABASE = "measured"
REFUSED, BROKEN = 10, 1  # of a hundred
POISON = """
CREATE FUNCTION whistled.poisoned() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.address = 'poison' THEN
        RAISE EXCEPTION 'poison';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER poisoned AFTER INSERT ON whistled.cases FOR EACH ROW EXECUTE FUNCTION whistled.poisoned();
"""


def mixed(intake: Operation) -> Operation:
    """Intake, of which some name a category that is not there and some break inside PostgreSQL. Every status is counted."""
    rows = [(lon, lat, "no-such-thing" if i % 100 < REFUSED else category, token, "poison" if i % 100 >= 100 - BROKEN else "新风路12号门前")
            for i, (lon, lat, category, token) in enumerate(intake.rows)]
    body = report_body("${3}").replace("新风路12号门前，湖畔饺子馆对面", "${5}")
    return Operation("intake-mixed", "Intake with refusals and errors", [step("create", 0, "POST", "/v1/cases", "${4}", body, Idempotency_Key="${n}")], rows)


def measure(target, cluster: Cluster, operations: dict[str, Operation], folder: Path, plan: dict) -> dict:
    cluster.copy("loaded", DATABASE)
    with cluster.owner(DATABASE) as connection:
        connection.execute(POISON)
    target.start(cluster, DATABASE)
    try:
        clean = fire(target, cluster, operations["intake"], folder, plan["warm_s"], plan["run_s"], f"fire-c-{target.name}-")
        dirty = fire(target, cluster, mixed(operations["intake"]), folder, plan["warm_s"], plan["run_s"], f"fire-d-{target.name}-")
    finally:
        target.stop()
    statuses = {int(status): n for status, n in dirty["statuses"].items()}
    if set(statuses) - {201, 422, 500}:
        raise Failed(f"{target.name}, intake with refusals and errors: {statuses}")
    good = statuses[201] / dirty["seconds_counted"]
    return {"clean": clean["rate"], "good": good, "statuses": statuses, "kept": good / clean["rate"] / (1 - (REFUSED + BROKEN) / 100)}


def run(cluster: Cluster, operations: dict[str, Operation], folder: Path, plan: dict, say) -> dict:
    found = {name: measure(target, cluster, operations, folder, plan) for name, target in own_targets().items()}
    cluster.drop(DATABASE)
    for name, result in found.items():
        say(f"  {name}: {result['clean']:.0f}/s clean; with {REFUSED} % refused and {BROKEN} % broken {result['good']:.0f}/s good")
    return {"refused": REFUSED, "broken": BROKEN, "targets": found}
