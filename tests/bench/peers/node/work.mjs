// An action on its way: what it changes in memory, and what it writes with it.
import { earliest, settleCase } from './clocks.mjs';
import { newId } from './id.mjs';

// What a reader sees of a case: when none of it changes, its version stays.
const READ = ['state', 'level', 'category', 'registered_at', 'handler', 'first_contact', 'first_handler_org', 'lead_org', 'resolve_due_at',
    'resolved_at', 'state_before', 'result', 'reply', 'evaluating_at', 'closed_at', 'closed_how'];
const WRITTEN = ['state', 'category', 'level', 'registered_at', 'handler', 'first_contact', 'first_handler_org', 'workers', 'lead_ticket', 'lead_org',
    'organisations', 'open_orgs', 'tickets_issued', 'tickets_open', 'tickets_unsubmitted', 'resolve_due_at', 'resolved_at', 'overdue_at',
    'clock_next_at', 'state_at', 'state_before', 'signed_round', 'result', 'reply', 'evaluating_at', 'closed_at', 'closed_how', 'callback_tries',
    'event_seq', 'updated_at'];

const same = (a, b) => (a instanceof Date && b instanceof Date ? a.getTime() === b.getTime() : (a ?? null) === (b ?? null));

export class Work {
    constructor(app, call, me, c, lists, body) {
        Object.assign(this, { app, call, me, case: c, before: { ...c }, lists, body, ticket: null, role: null, changed: false });
        this.policy = app.dict.policies[c.policy_version];
        this.events = [];
        this.writes = []; // [statement, …values]
    }

    // An event; members of its data that are null are left out.
    happened(action, role, shown, from, to, note, ticket, data) {
        const own = role !== 'system';
        const kept = Object.fromEntries(Object.entries(data ?? {}).filter(([, value]) => value !== null && value !== undefined));
        this.events.push({ ticket: ticket ?? null, action, from, to, person: own ? this.me.id : null, role, org: own ? this.me.org : null, shown,
            note: note ?? null, data: JSON.stringify(kept) });
        this.case.event_seq += 1;
        this.case.updated_at = this.call.now;
    }

    caseTo(action, role, wanted, note, data) {
        const from = this.case.state;
        const to = wanted === '=' ? from : wanted;
        if (to !== from) Object.assign(this.case, { state: to, state_at: this.call.now });
        this.happened(action, role, this.app.dict.shown[action], from, to, note, null, data);
    }

    ticketTo(action, wanted, note, data) {
        const t = this.ticket;
        const from = t.state;
        const to = wanted === '=' ? from : wanted;
        if (to !== from) Object.assign(t, { state: to, state_at: this.call.now });
        t.updated_at = this.call.now;
        this.happened(action, this.role, 'staff', from, to, note, t.id, data);
    }

    write(name, ...values) {
        this.writes.push([name, this.call.token.tenant, ...values.map((value) => value ?? null)]);
    }

    // The events and the outbox rows, one statement each.
    writeEvents(first, organisations) {
        const { events, call, case: c } = this;
        const seq = events.map((_, i) => first + i);
        const column = (name) => events.map((e) => e[name]);
        this.write('events_insert', c.id, c.round, call.now, seq, events.map(newId), column('ticket'), column('action'), column('from'),
            column('to'), column('person'), column('role'), column('org'), column('shown'), column('note'), column('data'));
        this.write('outbox_insert', c.id, organisations, c.area, call.now, seq, column('ticket'));
    }

    // The case's own clocks and those of its tickets. Where nothing moved its own, the next moment may only be nearer.
    settle(changed) {
        const { case: c, before, lists, ticket } = this;
        if (!changed && c.tickets_unsubmitted === before.tickets_unsubmitted && before.clock_next_at > this.call.now) {
            c.clock_next_at = earliest(before.clock_next_at, ticket?.clock_next_at);
            return;
        }
        settleCase(c, this.policy);
        // What was read came as text, what this action wrote did not.
        for (const t of lists.tickets) c.clock_next_at = earliest(c.clock_next_at, t.clock_next_at && new Date(t.clock_next_at));
    }

    writeCase() {
        const { case: c, before } = this;
        const changed = this.changed || READ.some((name) => !same(c[name], before[name]));
        this.settle(changed);
        if (changed) c.version += 1;
        this.write('case_update', c.id, c.version, ...WRITTEN.map((name) => c[name]));
        this.writeEvents(before.event_seq + 1, [...new Set([...c.organisations, ...before.organisations])]);
    }

    // All of it, sent together; the answers in order.
    flush(tx) {
        return Promise.all(this.writes.map(([name, ...values]) => this.app.run(tx, name, ...values)));
    }
}
