"""Sixteen clients at once against a model of both machines (support/crowd.py): same answers, same states, nothing for the auditor;
and how often each transition was done and refused.

WHISTLED_CROWD_STEPS and WHISTLED_SEED make it longer, or another one; script/soak runs 100,000."""

import os

from support.audit import assert_audit
from support.crowd import Crowd
from support.crowd_chance import LEGAL, Seen
from support.world import build_world

STEPS = int(os.environ.get("WHISTLED_CROWD_STEPS", "8000"))
SEED = int(os.environ.get("WHISTLED_SEED", "20240513"))
ALL_SEEN = 20000  # steps after which every transition was done, but these
UNLIKELY = {
    "rate": "closed: by a second reporter, after a merge", "urge": "once in an hour, which never passes",
    "approve emergency_review": "decided long before the case comes far", "decline emergency_review": "decided long before the case comes far",
    "approve void": "seldom on purpose, since it ends the case",
}  # fmt: skip
# In a short walk each action was done somewhere, but what is seldom chosen or comes late.
LATE = {"rate", "callback", "object", "approve reopen", "decline reopen", "withdraw reopen", "ask reopen", "approve delay", "decline delay", "withdraw delay",
        "step_done", "step_waive", "decline emergency_review", "approve whistle", "approve return", "decline return", "withdraw return", "rework", "feedback"}


def assert_floor(seen: Seen) -> None:
    """No transition that the machines have is missing."""
    undone = {pair for pair in LEGAL if not seen.done[pair]}
    nowhere = {pair[::2] for pair in undone} - {pair[::2] for pair in +seen.done}
    if STEPS >= ALL_SEEN:
        assert not {pair for pair in undone if pair[2] not in UNLIKELY} and not nowhere, undone
    if STEPS >= 8000:
        assert not {(machine, action) for machine, action in nowhere if action not in LATE}, nowhere
        assert {pair[:2] for pair in LEGAL} <= {*seen.states}, seen.states
        assert len(undone) < len(LEGAL) * 0.5, undone


def test_sixteen_clients_and_the_model(service, owner_url):
    tenant = f"crowd-{SEED}"
    build_world(owner_url, tenant)
    crowd = Crowd(service.base, owner_url, tenant, SEED, STEPS)
    crowd.run(16)
    assert not crowd.faults, crowd.faults[0]
    done = {answer.split(":")[0] for answer in crowd.answers if answer.endswith(": done")}
    print(f"\n{sum(crowd.answers.values())} steps, {crowd.met} meetings of several, {crowd.replays} replays, {len(done)} kinds of actions done; "
          f"{sum(n for answer, n in crowd.answers.items() if answer.endswith('done') or answer == 'create')} done")
    for line in [f"{n:7} {answer}" for answer, n in sorted(crowd.answers.items())] + [*crowd.seen.lines()]:
        print(f"  {line}")
    assert_floor(crowd.seen)
    assert_audit(owner_url)
