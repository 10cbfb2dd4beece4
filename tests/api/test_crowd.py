"""Sixteen clients at once against a model of both machines (support/crowd.py): same answers, same states, nothing for the auditor.

WHISTLED_CROWD_STEPS and WHISTLED_SEED make it longer, or another one; script/soak runs 100,000."""

import os

from support.audit import assert_audit
from support.crowd import Crowd
from support.world import build_world

STEPS = int(os.environ.get("WHISTLED_CROWD_STEPS", "1500"))
SEED = int(os.environ.get("WHISTLED_SEED", "20240513"))


def test_sixteen_clients_and_the_model(service, owner_url):
    tenant = f"crowd-{SEED}"
    build_world(owner_url, tenant)
    crowd = Crowd(service.base, owner_url, tenant, SEED, STEPS)
    crowd.run(16)
    assert not crowd.faults, crowd.faults[0]
    done = {answer.split(":")[0] for answer in crowd.answers if answer.endswith(": done")}
    print(f"\n{sum(crowd.answers.values())} steps, {crowd.met} meetings of several, {crowd.replays} replays, {len(done)} kinds of actions done; "
          f"{sum(n for answer, n in crowd.answers.items() if answer.endswith('done') or answer == 'create')} done")
    for answer, n in sorted(crowd.answers.items()):
        print(f"  {n:7} {answer}")
    assert_audit(owner_url)
