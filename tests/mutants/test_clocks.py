"""Whether the clock stories would notice: each line of the calendar and the clocks that could be wrong is made so, and one of the
stories of tests/db/test_clock_simulation.py must disagree. Not part of script/test, since it takes long: script/mutants."""

import os

import psycopg
import pytest
from support.clock_scenes import SCENES
from support.clock_story import Story
from support.machine import Machine
from support.mutants import mutated

SEED = int(os.environ.get("WHISTLED_SEED", "20240513"))
STORIES = 8
MUTANTS = [
    # function, what stands there, what is put in its place
    ("is_working_day", "< 6", "< 7"),
    ("is_working_day", "d.kind = 'workday'", "d.kind = 'holiday'"),
    ("is_working_day", " AND d.active", ""),
    ("whole_days", "24:00", "23:59"),
    ("add_working_time", "v_left <= v_closes", "v_left < v_closes"),
    ("add_working_time", "greatest(v_at, v_at::date + v_day + p_hours[n])", "v_at::date + v_day + p_hours[n]"),
    ("add_working_time", "0..3660", "1..3660"),
    ("add_working_time", "NOT is_working_day", "is_working_day"),
    ("add_working_time", "v_left := v_left - (v_closes - v_opens)", "v_left := v_left"),
    ("working_time_between", "least(v_to, v_from::date + v_day + p_hours[n + 1])", "v_from::date + v_day + p_hours[n + 1]"),
    ("working_time_between", "greatest(v_from, v_from::date + v_day + p_hours[n])", "(v_from::date + v_day + p_hours[n])"),
    ("working_time_between", "0..(v_to", "1..(v_to"),
    ("working_time_between", "CONTINUE WHEN NOT", "CONTINUE WHEN false AND NOT"),
    ("stands_submitted", " OR c.state = 'handling' AND c.tickets_unsubmitted = 0", ""),
    ("stands_submitted", "('checking', 'evaluating')", "('evaluating')"),
    ("stands_submitted", "c.state = 'handling' AND c", "c"),
    ("case_running", "c.round_started_at + c.round_suspended", "c.round_started_at"),
    ("case_running", " AND c.arrived_at IS NULL", ""),
    ("case_running", "IF c.state = 'suspended' THEN", "IF false THEN"),
    ("case_running", "'merged', 'voided') OR", "'merged', 'voided', 'suspended') OR"),
    ("case_running", "CASE WHEN c.registered_at IS NULL THEN", "CASE WHEN false THEN"),
    ("case_running", " AND c.planned_at IS NULL", ""),
    ("case_running", "c.plan_run, c.plan_started_at", "c.plan_run, v_start"),
    ("ticket_running", "'submitted', 'closed'", "'closed'"),
    ("ticket_running", ", 'suspended')", ")"),
    ("ticket_running", " AND t.signed_at IS NULL", ""),
    ("ticket_running", " AND t.contacted_at IS NULL", ""),
    ("ticket_running", " AND NOT t.not_contacted", ""),
    ("ticket_running", " AND t.started_at IS NULL", ""),
    ("ticket_running", " AND t.reported_in_at IS NULL", ""),
    ("ticket_running", "t.finish_started_at, t.finish", "t.issued_at, t.finish"),
    ("clock_stages", "'resolve', 'plan', 'finish'", "'resolve', 'plan'"),
    ("clock_stages", "'arrive', 'sign'", "'arrive'"),
    ("clock_stages", "'arrive', 'sign'", "'arrive', 'sign', 'contact'"),
    ("first_moment", " + interval '1 microsecond'", ""),
    ("first_moment", "CASE r.clock WHEN 'late_registration' THEN 'resolve' ELSE r.clock END", "r.clock"),
    ("first_moment", "* v_stage / 100", "* 100 / v_stage"),
    ("first_moment", " AND r.clock || ':breach' <> ALL (p_fired)", " AND r.clock || ':100' <> ALL (p_fired)"),
    ("case_timer", "c.review_date::timestamp", "(c.review_date + 1)::timestamp"),
    ("case_timer", "'evaluate_days'", "'object_days'"),
    ("moment_came", "(w.c).round, m.due_at, coalesce(p_at, m.due_at)", "(w.c).round, m.due_at, m.due_at"),
    ("moment_came", "(w.c).round, m.due_at, coalesce(p_at, m.due_at)", "(w.c).round, coalesce(p_at, m.due_at), coalesce(p_at, m.due_at)"),
    ("moment_came", "coalesce(p_at, m.at)", "m.at"),
    ("case_settle", "m.at > w.now", "m.at >= w.now"),
    ("case_settle", "least(m.at, case_timer(w))", "m.at"),
    ("case_settle", "least(m.at, case_timer(w))", "case_timer(w)"),
    ("ticket_settle", "m.at > w.now", "m.at >= w.now"),
    ("ticket_settle", "w.t.clock_next_at := m.at", "w.t.clock_next_at := NULL"),
    ("settle_before", "(w.old).clock_next_at > w.now", "(w.old).clock_next_at >= w.now"),
    ("settle_before", "IF coalesce((w.old)", "IF true OR coalesce((w.old)"),
    ("settle_before", "case_settle(w, NULL)", "case_settle(w, w.now)"),
    ("settle_before", "ticket_settle(w, NULL)", "ticket_settle(w, w.now)"),
    ("settle_before", "t.clock_next_at <= w.now", "t.clock_next_at < w.now"),
    ("settle_before", "v_keep.t.fired := v_ticket.fired", "v_keep.t.fired := (v_keep.t).fired"),
    ("settle_before", "SET fired = v_ticket.fired", "SET fired = t.fired"),
    ("due_changed", "IF p_old IS DISTINCT FROM p_new THEN", "IF p_old <> p_new THEN"),
    ("resolve_due_to", "w.c.resolve_cause := p_origin", "w.c.resolve_cause := (w.c).resolve_cause"),
    ("unfired", "<> ALL (p_clocks)", "<> ALL ('{}'::text[])"),
    ("unfired", "<> ALL (p_clocks)", "= ''"),
    ("plan_suspended", "coalesce(sum(e.at - (", "coalesce(0 * sum(e.at - ("),
    ("plan_suspended", "max(s.at)", "min(s.at)"),
    ("plan_suspended", "AND e.seq > (", "AND 0 < ("),
    ("plan_last_due", "max(s.due_at)", "min(s.due_at)"),
    ("plan_last_due", " AND s.n > 0", ""),
    ("plan_last_due", " + plan_suspended(c)", ""),
    ("level_dues", "c.round_started_at + c.round_suspended", "c.round_started_at"),
    ("level_dues", "NOT IN ('reopen', 'delay')", "NOT IN ('reopen')"),
    ("level_dues", "NOT IN ('reopen', 'delay')", "NOT IN ('delay')"),
    ("level_dues", "CASE WHEN c.plan_run > 1 THEN", "CASE WHEN c.plan_run > 0 THEN"),
    ("level_dues", "CASE WHEN c.plan_run > 1 THEN", "CASE WHEN c.plan_run > 9 THEN"),
    ("level_dues", " AND (c.plan_due_at IS NULL OR c.plan_run = 1)", ""),
    ("level_dues", "w.c.plan_started_at := v_start", "w.c.plan_started_at := w.now"),
    ("level_dues", "w.c.plan_first_due_at := v_plan", "w.c.plan_first_due_at := NULL"),
    ("level_dues", "WHEN 'major' THEN plan_last_due(c)", "WHEN 'major' THEN NULL"),
    ("case_next_at", "case_timer(w), others", "others"),
    ("case_next_at", ", others_next_at(w.c)", ""),
    ("case_next_at", "(first_moment(w.policy, case_running(w.c), (w.c).fired)).at, ", ""),
    ("case_moment", "w := settle_before(w)", "w := w"),
    ("case_moment", "case_timer(w) <= w.now", "case_timer(w) < w.now"),
    ("case_ticked", "greatest(v_at, v_case.state_at)", "p_now"),
    ("case_ticked", "v_case.clock_next_at > p_now", "v_case.clock_next_at >= p_now"),
    ("case_ticked", "v_at > p_now, true", "v_at >= p_now, true"),
    ("case_ticked", "UPDATE cases c SET clock_next_at = v_at", "UPDATE cases c SET clock_next_at = NULL"),
    # where due times are moved
    ("due_within", "greatest(least(p_due, p_cap), p_floor)", "least(p_due, p_cap)"),
    ("due_within", "least(p_due, p_cap)", "p_due"),
    ("ticket_reopened", "t.finish_run := t.finish_run + 1", "t.finish_run := t.finish_run"),
    ("ticket_reopened", "t.finish_started_at := w.now", "t.finish_started_at := t.finish_started_at"),
    ("plan_refused", "IF c.plan_request IS NOT NULL THEN", "IF false THEN"),
    ("plan_refused", "greatest(w.now + policy_minutes(w.policy, 'plan_again_minutes'), c.plan_first_due_at)",
     "w.now + policy_minutes(w.policy, 'plan_again_minutes')"),
    ("delay_granted", " AND v_until > (w.c).resolve_due_at", ""),
    ("delay_granted", "(w.t).role = 'lead' AND (w.c).resolve_due_at >= w.now AND ", "(w.t).role = 'lead' AND "),
    ("new_round", "c.round_suspended := '0'", "c.round_suspended := c.round_suspended"),
    ("new_round", "c.arrive_due_at := NULL", "c.arrive_due_at := c.arrive_due_at"),
    ("due_resumed", " OR p_due <= p_since", ""),  # what was past moves
    ("due_resumed", "p_due <= p_since", "p_due < p_since"),
    ("due_resumed", " OR p_due + (w.now - p_since) = (w.c).resolve_due_at", ""),
    ("due_resumed", "\n        OR p_due = (w.t).finish_started_at + policy_minutes(w.policy, 'floor_' || p_clock || '_minutes')", ""),
    ("ticket_resumed", "IF t.signed_at IS NULL THEN", "IF true THEN"),
    ("ticket_resumed", "t.finish_started_at := t.finish_started_at + (w.now - p_since)", "t.finish_started_at := t.finish_started_at"),
    ("case_resumed", "(w.c).round_suspended + v_length", "(w.c).round_suspended"),
    ("case_resumed", "(w.c).resolve_due_at + v_length", "(w.c).resolve_due_at"),
    ("case_resumed", "(w.c).plan_due_at + v_length", "(w.c).plan_due_at"),
    ("case_resumed", "(w.c).plan_started_at + v_length", "(w.c).plan_started_at"),
    ("case_resumed", "(w.c).plan_first_due_at + v_length", "(w.c).plan_first_due_at"),
    ("case_resumed", "IF (w.c).planned_at IS NULL THEN", "IF true THEN"),
    ("target_merged", "IF (v.c).round = 1 THEN", "IF true THEN"),
    ("target_merged", "v.c.round_started_at := p_from.received_at", "v.c.round_started_at := (v.c).round_started_at"),
]  # fmt: skip


def stories():
    for scene in SCENES:
        yield scene.__name__, scene
    for story in range(STORIES):
        yield f"story {story}", lambda machine, seed=SEED + story: Story(machine, seed).goes_on()


def disagrees(db, url: str) -> str | None:
    """What noticed, if anything did."""
    for told, story in stories():
        machine = Machine(db, url)
        try:
            story(machine)
            assert not machine.audit(), "the auditor"
        except psycopg.ProgrammingError:
            raise  # it is no mutant, but nonsense
        except (AssertionError, psycopg.Error) as fault:
            return f"{told}: {type(fault).__name__}"
    return None


def name(mutant) -> str:
    return f"{mutant[0]}: {mutant[1].strip()} → {mutant[2].strip()}"


@pytest.mark.parametrize("mutant", MUTANTS, ids=name)
def test_a_story_disagrees(db, owner_url, mutant):
    db.execute("SET statement_timeout = '20s'")  # some never come to an end
    with mutated(db, *mutant):
        found = disagrees(db, owner_url)
    print(f"\n{name(mutant)}: {found}")
    assert found, "no story noticed"
