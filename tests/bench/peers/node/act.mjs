// Actions on a case and on a ticket: read and lock, check, change in memory, write.
import { settleTicket, ticketDue } from './clocks.mjs';
import { iso, later, minutes } from './dictionary.mjs';
import { newId } from './id.mjs';
import { pointOf, readBody, takeKey } from './body.mjs';
import { NotMeasured, Refusal, at, refused } from './refusal.mjs';
import { actingRole, caseActions, caseRelations, isOne, mayBeCalled, seesCase, seesTicket, ticketActions, ticketRelations } from './me.mjs';
import { isUuid, readAll } from './read.mjs';
import { viewCase, viewTicket } from './view.mjs';
import { Work } from './work.mjs';

function opened(app, call, [me, c, lists], body) {
    if (!app.dict.policies[c.policy_version] || c.level === 'major' || c.plan_request || lists.requests.length) throw new NotMeasured();
    return new Work(app, call, me, c, lists, body);
}

// If-Match against the row under its lock.
function fresh(call, version) {
    const allowed = (call.request.headers['if-match'] ?? '*').trim();
    if (allowed === '*' || allowed.split(',').some((tag) => Number(tag.trim().replaceAll('"', '').split('.')[0]) === version)) return;
    throw new Refusal('precondition_failed', { detail: { version } });
}

export async function actOnCase(app, call) {
    const body = readBody(app, call);
    if (!call.request.headers['if-match']) throw refused('precondition_required');
    if (!isUuid(call.id)) throw refused('not_found');
    return app.sql.begin(async (tx) => {
        const work = opened(app, call, await readAll(app, tx, call, call.id, 'case_lock'), body);
        if (await takeKey(app, tx, call, call.id)) throw new NotMeasured();
        if (!seesCase(app.dict, work.me, work.case)) throw refused('not_found');
        fresh(call, work.case.version);
        await checkCase(work, tx);
        const does = { accept, register, whistle, check: pass, rate }[call.action];
        does(work);
        work.writeCase();
        await work.flush(tx);
        const view = viewCase(app, work.me, work.case, work.lists, call.now);
        return { status: 200, body: view, version: view.version };
    });
}

function wrongState({ app, me, ticket, case: c }) {
    const detail = ticket ? { state: ticket.state, allowed_actions: ticketActions(app.dict, ticket, c, ticketRelations(me, ticket, c)) }
        : { state: c.state, allowed_actions: caseActions(app.dict, c, caseRelations(me, c)) };
    return new Refusal('invalid_transition', { detail });
}

const leads = (work) => (work.body.tickets ?? []).filter((t) => t.role === 'lead').length;

// The reporter in whose name the caller may rate.
function rater({ me, case: c, lists }) {
    return lists.reporters.find((r) => !r.withdrawn && isOne(me, r.person_id) && !lists.ratings.some((g) => g.round === c.round && g.reporter === r.n));
}

const findMove = (moves, action, variant) => (moves ?? []).find((m) => m.action === action && m.variant === variant);

// State, world, person, row, in this order.
async function checkCase(work, tx) {
    const { app, me, body, case: c, call } = work;
    const variant = { whistle: body.kind, check: body.pass ? 'pass' : 'fail' }[call.action] ?? '';
    if (variant === 'emergency' || variant === 'fail') throw new NotMeasured();
    const move = findMove(app.dict.caseMoves[c.state], call.action, variant);
    if (!move) throw wrongState(work);
    if (call.action === 'rate' && c.reporters.includes(me.id) && !rater(work)) throw refused('already_done');
    const leadOpen = work.lists.tickets.some((t) => t.id === c.lead_ticket && app.dict.openTickets[t.state]);
    if (move.guards.includes('lead_free') && leads(work) && leadOpen) throw refused('lead_not_closed');
    const near = (me.roles.includes('community') && me.areas.includes(c.area)) || c.workers.includes(me.id) ||
        (me.communities.includes(c.community) && !me.grids.includes(c.area));
    work.role = actingRole(app.dict, me, move.who, caseRelations(me, c), near);
    if (move.guards.includes('level_allowed') && work.role !== 'dispatcher' && body.level !== 'ordinary') throw refused('level_not_allowed');
    await checkRow(work, tx, move);
}

async function checkRow(work, tx, move) {
    const { app, body, case: c, call, policy } = work;
    const { dict } = app;
    const category = body.category && dict.categories[body.category];
    if (body.category && !(category?.active || (category && body.category === c.category))) throw at('unknown_reference', '/category');
    if (body.attachments?.length) throw new NotMeasured();
    if (move.guards.includes('lead_named') && (leads(work) > 1 || (leads(work) === 0 && !c.lead_ticket))) throw at('lead_not_named', '/tickets');
    const unknown = (body.tickets ?? []).findIndex((t) => !dict.organisations[t.organisation]?.active);
    if (move.guards.includes('organisations_known') && unknown >= 0) throw at('unknown_reference', `/tickets/${unknown}/organisation`);
    if (!move.guards.includes('check_near') || !dict.categories[c.category].on_scene || c.lon === null) return;
    const point = pointOf(body, 'point');
    if (!point) throw at('required', '/point');
    const [row] = await app.run(tx, 'distance', call.token.tenant, c.id, point.lon, point.lat);
    if (row.st_distance > policy.check_metres + Math.min(point.accuracy, policy.check_accuracy_metres)) throw at('too_far', '/point');
}

function accept(work) {
    const { me, case: c } = work;
    if (c.first_contact === null)
        Object.assign(c, { first_contact: me.id, first_contact_name: me.name, first_contact_role: work.role, first_contact_org: me.org });
    work.caseTo('accept', work.role, 'accepted', work.body.note);
}

function register(work) {
    const { case: c, body, call } = work;
    if (body.level === 'major' || c.resolve_cause === 'reopen' || c.resolve_cause === 'delay') throw new NotMeasured();
    Object.assign(c, { level: body.level, registered_at: call.now, category: body.category ?? c.category });
    work.caseTo('register', work.role, 'registered', body.note, { level: c.level, category: c.category });
    const due = later(c.round_started_at, minutes(work.policy, `${c.level}_minutes`));
    if (c.resolve_due_at?.getTime() !== due.getTime())
        work.write('due_insert', c.id, newId(), c.resolve_due_at, due, 'register', call.now, work.me.id, work.role);
    c.resolve_due_at = due;
}

function whistle(work) {
    const { case: c, body, call } = work;
    if (leads(work) && c.lead_ticket) throw new NotMeasured(); // a new lead in place of a closed one
    const to = c.state === 'whistled' || c.state === 'handling' ? '=' : c.signed_round === c.round ? 'handling' : 'whistled';
    const id = newId();
    c.handler = null;
    work.caseTo('whistle', work.role, to, body.reason, { kind: 'everyday', tickets: body.tickets });
    work.write('whistle_insert', id, c.id, 'everyday', c.round, body.reason, call.now, work.me.id, work.role);
    for (const wanted of body.tickets) issue(work, id, wanted);
    count(work);
}

function issue(work, whistleId, wanted) {
    const { app, case: c, call, policy, me, role } = work;
    const due = (name) => ticketDue(app.dict, c, policy, name, call.now);
    c.tickets_issued += 1;
    const t = { id: newId(), n: c.tickets_issued, kind: 'everyday', role: wanted.role, organisation: wanted.organisation, state: 'issued', task: wanted.task,
        issued_at: call.now, finish_started_at: call.now, fired: [], sign_due_at: due('sign'), contact_due_at: mayBeCalled(wanted, c) ? due('contact') : null,
        report_due_at: due('report'), finish_due_at: due('finish') };
    settleTicket(t, policy);
    work.write('ticket_insert', t.id, c.id, t.n, whistleId, t.kind, t.role, t.organisation, t.task, c.round, call.now, me.id, role, t.sign_due_at,
        t.contact_due_at, t.report_due_at, t.finish_due_at, t.overdue_at, t.clock_next_at);
    work.happened('issue', role, 'staff', null, 'issued', null, t.id, { kind: t.kind, role: t.role, organisation: t.organisation });
    work.lists.tickets.push({ ...t, sign_due_at: iso(t.sign_due_at), finish_due_at: iso(t.finish_due_at), overdue: false, submitted_at: null,
        closed_round: null, result: null, reply: null });
}

function pass(work) {
    const { case: c, body, call } = work;
    const point = pointOf(body, 'point') ?? {};
    work.write('check_insert', c.id, newId(), c.round, body.reason, call.now, work.me.id, work.role, point.lon, point.lat, point.accuracy);
    c.state_before = null;
    const asked = (r) => !r.withdrawn && !r.anonymous && r.contactable && (r.person_id === null || r.person_id !== c.handler);
    if (work.lists.reporters.some(asked)) {
        Object.assign(c, { evaluating_at: call.now, callback_tries: 0 });
        work.caseTo('check', work.role, 'evaluating', body.reason, { pass: true });
    } else {
        Object.assign(c, { evaluating_at: null, closed_at: call.now, closed_how: 'unrated' });
        work.caseTo('check', work.role, 'closed', body.reason, { pass: true, closed: 'unrated' });
    }
}

function rate(work) {
    const { case: c, call, me } = work;
    const { comment, ...answers } = work.body;
    if (answers.solved === 'no' || answers.satisfied <= 2 || c.state !== 'evaluating') throw new NotMeasured();
    const { n } = rater(work);
    work.write('rating_insert', c.id, c.round, n, me.id, call.now, answers.contacted, answers.solved, answers.satisfied, comment);
    work.lists.ratings.push({ round: c.round, reporter: n, person_id: me.id, ...answers, comment: comment ?? null, rated_at: iso(call.now) });
    work.changed = true;
    Object.assign(c, { closed_at: call.now, closed_how: 'rated' });
    work.caseTo('rate', work.role, 'closed', comment, answers);
}

// The case is locked before its ticket, so its id is asked first.
export async function actOnTicket(app, call) {
    const body = readBody(app, call);
    if (call.action !== 'contact' && !call.request.headers['if-match']) throw refused('precondition_required');
    if (!isUuid(call.id)) throw refused('not_found');
    const { tenant } = call.token;
    return app.sql.begin(async (tx) => {
        const [found] = await app.run(tx, 'ticket_case', tenant, call.id);
        if (!found) throw refused('not_found');
        const [all, [ticket]] = await Promise.all([readAll(app, tx, call, found.case_id, 'case_lock'), app.run(tx, 'ticket_lock', tenant, call.id)]);
        const work = opened(app, call, all, body);
        work.ticket = { ...ticket, state_at: ticket.updated_at };
        if (await takeKey(app, tx, call, call.id)) throw new NotMeasured();
        if (!seesTicket(app.dict, work.me, ticket.organisation, work.case)) throw refused('not_found');
        fresh(call, ticket.version);
        checkTicket(work);
        doTicket(work);
        work.writeCase();
        await work.flush(tx);
        const view = viewTicket(app, work.me, work.ticket, work.case, work.lists, call.now);
        return { status: 200, body: view, version: view.version };
    });
}

function checkTicket(work) {
    const { app, me, body, call, case: c, ticket: t } = work;
    const { dict } = app;
    const moves = dict.ticketMoves[t.state];
    const move = findMove(moves, call.action, '') ?? (dict.categories[c.category].on_scene ? null : findMove(moves, call.action, 'remote'));
    if (!move || (call.action === 'contact' && !mayBeCalled(t, c))) throw wrongState(work);
    work.role = actingRole(dict, me, move.who, ticketRelations(me, t, c), me.areas.includes(c.area));
    if (body.attachments?.length) throw new NotMeasured();
    if (move.guards.includes('lead_reply') && t.role === 'lead' && !(body.reply ?? '').trim()) throw at('required', '/reply');
    if (move.guards.includes('photo') && dict.categories[c.category].photo_required) throw at('photo_missing', '/attachments');
    if (call.action === 'approve' && body.feedback) checkFeedback(work);
}

// The feedback that comes with the last approval, looked at as if the ticket were closed already.
function checkFeedback(work) {
    const { app, me, case: c } = work;
    const move = findMove(app.dict.caseMoves[c.state], 'feedback', '');
    if (!move) throw wrongState({ ...work, ticket: null });
    if (c.tickets_open !== 1) throw refused('open_tickets');
    if (!c.lead_ticket) throw refused('lead_not_closed');
    actingRole(app.dict, me, move.who, caseRelations(me, c), false);
}

const STEPS = {
    sign: (t, { now }) => { t.signed_at = now; return ['signed']; },
    contact: (t, { now }) => { t.contacted_at ??= now; return ['=']; },
    report_in: (t, { now, body }) => {
        const { lon, lat, accuracy } = pointOf(body, 'point');
        Object.assign(t, { reported_in_at: now, point: { lon, lat, accuracy } });
        return ['reported_in', { lon, lat, accuracy }];
    },
    start: (t, { now }) => { t.started_at ??= now; return ['in_progress']; },
    submit: (t, { now, body }) => {
        Object.assign(t, { submitted_at: now, not_contacted: t.contact_due_at !== null && t.contacted_at === null, result: body.result,
            reply: body.reply ?? null, cause_code: body.cause_code ?? null });
        return ['submitted', { reply: t.reply, cause_code: t.cause_code }];
    },
    approve: (t, { now, body, round }) => {
        Object.assign(t, { department_rating: body.rating, closed_at: now, closed_round: round });
        return ['closed', { rating: body.rating }];
    },
};

function doTicket(work) {
    const { me, body, call, case: c, ticket: t } = work;
    const was = { state: t.state, contacted: t.contacted_at };
    if (call.action !== 'approve') {
        if (!t.workers.includes(me.id)) t.workers = [...t.workers, me.id];
        if (!c.workers.includes(me.id)) c.workers = [...c.workers, me.id];
    }
    const [to, data] = STEPS[call.action](t, { now: call.now, body, round: c.round });
    if (call.action === 'sign') c.signed_round = c.round;
    work.ticketTo(call.action, to, call.action === 'submit' ? body.result : body.note, data);
    if (call.action === 'sign' && c.state === 'whistled') { // the first signature
        if (!c.first_handler && !c.first_handler_org) c.first_handler_org = c.lead_org;
        work.caseTo('first_sign', 'system', 'handling');
    }
    if (t.state !== was.state || t.contacted_at !== was.contacted) t.version += 1;
    writeTicket(work);
    count(work);
    if (call.action === 'approve' && body.feedback) feedback(work, body.feedback);
}

function writeTicket(work) {
    const { ticket: t, lists } = work;
    settleTicket(t, work.policy);
    work.write('ticket_update', t.id, t.version, t.state, t.state_at, t.workers, t.signed_at, t.contacted_at, t.not_contacted, t.reported_in_at,
        t.point?.lon, t.point?.lat, t.point?.accuracy, t.started_at, t.submitted_at, t.closed_at, t.closed_round, t.result, t.reply, t.cause_code,
        t.department_rating, t.overdue_at, t.clock_next_at, t.updated_at);
    const brief = lists.tickets.find((b) => b.id === t.id);
    const { state, submitted_at, closed_round, clock_next_at, result, reply } = t;
    Object.assign(brief, { state, submitted_at, closed_round, clock_next_at, result, reply });
}

// What the case knows of its tickets, counted again.
function count({ app, case: c, lists }) {
    const open = lists.tickets.filter((t) => app.dict.openTickets[t.state]);
    const kept = lists.tickets.filter((t) => t.state !== 'returned' && t.state !== 'recalled');
    const lead = kept.find((t) => t.role === 'lead');
    const organisations = (tickets) => [...new Set(tickets.map((t) => t.organisation))].sort();
    Object.assign(c, { tickets_open: open.length, tickets_unsubmitted: open.filter((t) => t.state !== 'submitted').length,
        open_orgs: organisations(open), organisations: organisations(kept), lead_ticket: lead?.id ?? null, lead_org: lead?.organisation ?? null });
}

// 办结反馈: the latest submission among the tickets closed in this round is when the work was done.
function feedback(work, body) {
    const { case: c, lists } = work;
    const done = lists.tickets.filter((t) => t.state === 'closed' && t.closed_round === c.round && t.submitted_at).map((t) => new Date(t.submitted_at));
    const lead = lists.tickets.find((t) => t.id === c.lead_ticket);
    Object.assign(c, { resolved_at: done.length ? new Date(Math.max(...done)) : work.call.now, result: lead.result, reply: body.reply ?? lead.reply,
        state_before: 'handling' });
    work.caseTo('feedback', work.role, 'checking', c.reply, { note: body.note });
}
