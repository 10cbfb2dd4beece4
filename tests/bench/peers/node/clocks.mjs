// Clocks: which run, what is due, and when somebody has to look next.
import { addWorkingTime, days, later, minutes } from './dictionary.mjs';

export const earliest = (a, b) => (a && b ? (a < b ? a : b) : a ?? b);
const clock = (name, start, due) => ({ name, start, due });

export function caseRunning(c) {
    const submitted = c.state === 'checking' || c.state === 'evaluating' || (c.state === 'handling' && c.tickets_unsubmitted === 0);
    if (submitted || ['closed', 'rejected', 'merged', 'voided'].includes(c.state)) return [];
    const found = [];
    if (c.arrive_due_at && !c.arrived_at) found.push(clock('arrive', c.received_at, c.arrive_due_at));
    if (c.state === 'suspended') return found;
    if (c.resolve_due_at)
        found.push(clock(c.registered_at ? 'resolve' : 'late_registration', later(c.round_started_at, c.round_suspended * 1000), c.resolve_due_at));
    if (c.plan_due_at && !c.planned_at) found.push(clock('plan', c.plan_started_at, c.plan_due_at));
    return found;
}

export function ticketRunning(t) {
    if (['submitted', 'closed', 'returned', 'recalled', 'suspended'].includes(t.state)) return [];
    const found = [];
    if (t.sign_due_at && !t.signed_at) found.push(clock('sign', t.issued_at, t.sign_due_at));
    if (t.contact_due_at && !t.contacted_at && !t.not_contacted) found.push(clock('contact', t.issued_at, t.contact_due_at));
    if (t.report_due_at && !t.reported_in_at && !t.started_at) found.push(clock('report', t.issued_at, t.report_due_at));
    if (t.finish_due_at) found.push(clock('finish', t.finish_started_at ?? t.issued_at, t.finish_due_at));
    return found;
}

// A case that waits for registration is reminded as any other.
const reminded = (name) => (name === 'late_registration' ? 'resolve' : name);

export function overdueClocks(running, overdueAt, now) {
    if (!overdueAt || overdueAt >= now) return [false, []];
    return [true, running.filter((r) => r.due < now).map((r) => reminded(r.name))];
}

// The earliest due time, and when the clock job has to look next. What has come meanwhile is that job's, once a second.
function settle(row, running, policy, timer) {
    let due = null;
    let next = timer;
    for (const r of running) {
        due = earliest(due, r.due);
        if (!row.fired.includes(`${r.name}:breach`)) next = earliest(next, r.due);
        const name = reminded(r.name);
        const stages = ['resolve', 'plan', 'finish'].includes(name) ? policy.stages : ['arrive', 'sign'].includes(name) ? [100] : [];
        for (const stage of stages)
            if (!row.fired.includes(`${name}:${stage}`)) next = earliest(next, later(r.start, ((r.due - r.start) * stage) / 100));
    }
    row.overdue_at = due;
    row.clock_next_at = next;
}

export function settleCase(c, policy) {
    settle(c, caseRunning(c), policy, c.state === 'evaluating' ? later(c.evaluating_at, days(policy, 'evaluate_days')) : null);
}

export const settleTicket = (t, policy) => settle(t, ticketRunning(t), policy, null);

// A due time of a ticket issued now: by its kind, never later than the case's, never earlier than its floor.
export function ticketDue(dict, c, policy, name, now) {
    const inMinutes = policy[`everyday_${name}_minutes`];
    const due = inMinutes !== undefined ? later(now, inMinutes * 60000) : addWorkingTime(dict, now, days(policy, `everyday_${name}_days`));
    const floor = later(now, minutes(policy, `floor_${name}_minutes`));
    const capped = earliest(due, c.resolve_due_at);
    return capped < floor ? floor : capped;
}
