"""The clocks against a naive simulation (support/countdown.py) in which one second after the other passes: random stories of a
case and its tickets with suspensions, late whistles and registrations, other levels, plans, delays, merges, refused work and
reopenings, over weekends and holidays. Due times, breaches and reminders must be the same after every step.

The simulation may jump over seconds in which nothing can happen to any clock; the last test shows that jumping is ticking.
WHISTLED_SEED and WHISTLED_CLOCK_STORIES make other stories, or more."""

import os

import pytest
from support.clock_scenes import SCENES
from support.clock_story import SEEN, Story
from support.countdown import DAY

SEED = int(os.environ.get("WHISTLED_SEED", "20240513"))
STORIES = int(os.environ.get("WHISTLED_CLOCK_STORIES", "8"))
TICKED = 2 * DAY


@pytest.mark.parametrize("story", range(STORIES))
def test_the_database_says_what_the_simulation_gives(m, story):
    Story(m, SEED + story).goes_on()


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.__name__)
def test_what_chance_seldom_tells(m, scene):
    scene(m)


@pytest.mark.parametrize("story", range(2))
def test_ticking_every_second(m, story):
    """The same stories as above, as far as they go in two days, without a jump."""
    Story(m, SEED + story, stride=1).goes_on(TICKED)


def test_the_stories_had_it_all():
    """What they are for happened in them, or they would agree about nothing."""
    if SEEN["stories"] < max(STORIES, 8):
        return
    wanted = {f"breach of {clock}" for clock in ("arrive", "late_registration", "resolve", "plan", "sign", "contact", "report", "finish")}
    wanted |= {f"{clock} at {stage}" for clock in ("resolve", "plan", "finish") for stage in (80, 100, 120)} | {"arrive at 100", "sign at 100"}
    wanted |= {"suspended", "resumed", "reclassed", "merged", "emergency", "everyday", "plan_decided", "delayed", "checked", "reopened"}
    assert not wanted - set(SEEN), SEEN
