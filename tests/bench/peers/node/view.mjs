// A case and a ticket as the API answers them.
import { caseRunning, overdueClocks, ticketRunning } from './clocks.mjs';
import { iso } from './dictionary.mjs';
import { askable, caseActions, caseRelations, isOne, maskName, maskPhone, ownerSees, seesReporter, seesStaff, seesTicket, staffSees, ticketActions,
    ticketRelations, ticketsSeen, within } from './me.mjs';

const organisation = (dict, code) => ({ code, name: dict.organisations[code]?.name ?? code });
const area = (dict, code) => (code === null ? null : { code, name: dict.areas[code].name });
const orgParty = (dict, code) => (code ? { kind: 'organisation', id: code, name: organisation(dict, code).name } : null);
const roleParty = (dict, role) => ({ kind: 'role', id: role, name: dict.labels[role] ?? role });

// A person who acts for the street: citizens and clients see the organisation, else the role.
function staffParty(dict, me, id, name, role, org) {
    if (!id) return null;
    if (seesStaff(me) || isOne(me, id)) return { kind: 'person', id, name: me.roles.includes('auditor') ? maskName(name) : name };
    return orgParty(dict, org) ?? roleParty(dict, role);
}

const locationOf = (c) => (c.lon === null ? null : { lon: c.lon, lat: c.lat, coord_sys: 'wgs84', address: c.address });

function shownReporter(me, c) {
    const there = c.reporter_name !== null || c.reporter_phone !== null || c.reporters.length > 0;
    if (!there && !c.reporter_anonymous && !c.reporter_private && !c.reporter_contactable) return null;
    const full = seesReporter(me, c);
    const mask = (text, how) => (c.reporter_anonymous ? null : full ? text : how(text));
    return { name: mask(c.reporter_name, maskName), phone: mask(c.reporter_phone, maskPhone), anonymous: c.reporter_anonymous,
        private: c.reporter_private, contactable: c.reporter_contactable };
}

// First reporter, or for a citizen the own entry.
function reporterOf(me, c, lists) {
    const own = me.roles.includes('citizen') && c.reporters.includes(me.id) && lists.reporters.find((r) => isOne(me, r.person_id));
    if (!own) return shownReporter(me, c);
    return { name: own.name, phone: own.phone, anonymous: own.anonymous, private: own.private, contactable: own.contactable };
}

function attachmentsSeen(me, seen, lists, ticket) {
    return lists.attachments.filter((a) => (a.ticket_id === null || seen === 'all' || (seen === 'own' && a.organisation === me.org)) &&
        (seesStaff(me) || a.stage === 'intake' || a.stage === 'result') && (!ticket || a.ticket_id === ticket))
        .map(({ id, content_type, size, stage }) => ({ id, content_type, size, stage }));
}

function requestSeen(dict, me, c, lists, r) {
    if (ownerSees(me, c) && within(me, c.area)) {
        const mine = lists.reporters.filter((x) => isOne(me, x.person_id)).map((x) => x.n);
        if (isOne(me, r.asked_by) || mine.includes(r.reporter) || (r.joined ?? []).some((j) => mine.includes(j.reporter))) return true;
    }
    if (r.ticket_id === null) return staffSees(dict, me, c);
    return lists.tickets.some((t) => t.id === r.ticket_id && seesTicket(dict, me, t.organisation, c));
}

// Who asked does not decide; that somebody else can is taken for granted in a benchmark's street.
function decidable(dict, me, r) {
    const decides = r.kind === 'reopen' ? [r.asked_role === 'supervisor' ? 'leader' : 'supervisor']
        : dict.decides[`${r.ticket_id === null ? 'case' : 'ticket'}:${r.kind}`] ?? [];
    return decides.some((role) => me.roles.includes(role)) && !isOne(me, r.asked_by);
}

function requestsSeen(dict, me, c, lists, ticket) {
    return lists.requests.filter((r) => (!ticket || r.ticket_id === ticket) && requestSeen(dict, me, c, lists, r))
        .map((r) => ({ id: r.id, kind: r.kind, state: r.state, ticket_id: r.ticket_id, asked_at: r.asked_at, due_at: r.due_at,
            decidable: decidable(dict, me, r) }));
}

function ticketsView(dict, me, c, lists, seen) {
    return lists.tickets.map((t) => {
        const short = { role: t.role, organisation: organisation(dict, t.organisation), state: t.state };
        if (seen !== 'all' && t.organisation !== me.org) return short;
        return { id: t.id, number: `${c.number}-${t.n}`, ...short, kind: t.kind, task: t.task, sign_due_at: t.sign_due_at,
            finish_due_at: t.finish_due_at, overdue: t.overdue };
    });
}

export function viewCase(app, me, c, lists, now) {
    const { dict } = app;
    const seen = ticketsSeen(dict, me, c);
    const [overdue, overdue_clocks] = overdueClocks(caseRunning(c), c.overdue_at, now);
    const departments = c.state === 'whistled' || c.state === 'handling';
    const view = {
        id: c.id, number: c.number, version: c.version, state: c.state, step: dict.states[c.state].step, kind: c.kind,
        category: { code: c.category, name: dict.categories[c.category].name }, title: c.title, description: c.description, level: c.level,
        proposed_level: c.proposed_level, registered: c.registered_at !== null, source: c.source, location: locationOf(c), address: c.address,
        place_id: c.place_id, area: area(dict, c.area), community: area(dict, c.community), reporter: reporterOf(me, c, lists), tags: c.tags,
        attachments: attachmentsSeen(me, seen, lists), external_refs: lists.external_refs, answers: c.answers, claimed_at: iso(c.claimed_at),
        received_at: iso(c.received_at), round: c.round, round_started_at: iso(c.round_started_at),
        handler: departments ? orgParty(dict, c.lead_org) : staffParty(dict, me, c.handler, c.handler_name, c.handler_role, c.handler_org),
        first_contact: staffParty(dict, me, c.first_contact, c.first_contact_name, c.first_contact_role, c.first_contact_org),
        first_handler: orgParty(dict, c.first_handler_org) ??
            staffParty(dict, me, c.first_handler, c.first_handler_name, c.first_handler_role, c.first_handler_home),
        arrive_due_at: iso(c.arrive_due_at), arrived_at: iso(c.arrived_at), resolve_due_at: iso(c.resolve_due_at), resolved_at: iso(c.resolved_at),
        plan_due_at: iso(c.plan_due_at), planned_at: iso(c.planned_at), overdue, overdue_clocks, plan: null, result: c.result, reply: c.reply,
        rejection: c.reject_code && { code: c.reject_code, basis: c.reject_basis, reason: c.reject_reason }, merged_into: c.merged_into,
        review_date: c.review_date,
        ratings: lists.ratings.filter((r) => r.round === c.round && (seesStaff(me) || isOne(me, r.person_id)))
            .map(({ contacted, solved, satisfied, comment, rated_at }) => ({ contacted, solved, satisfied, comment, rated_at })),
    };
    if (seen !== 'none') view.tickets = ticketsView(dict, me, c, lists, seen);
    view.requests = requestsSeen(dict, me, c, lists);
    view.rework_count = c.rework_count;
    view.urge_count = c.urge_count;
    if (c.state === 'evaluating') view.callback_tries = c.callback_tries;
    view.policy_version = c.policy_version;
    view.updated_at = iso(c.updated_at);
    const relations = caseRelations(me, c);
    view.allowed_actions = caseActions(dict, c, relations);
    view.askable_requests = askable(dict.caseAsks, c.state, relations);
    return view;
}

// The parts that a list and a single ticket have in common.
export function viewItem(app, me, t, c, relations, reporter, now) {
    const { dict } = app;
    const [overdue, overdue_clocks] = overdueClocks(ticketRunning(t), t.overdue_at, now);
    return {
        id: t.id, number: `${c.number}-${t.n}`, version: t.version, case_id: t.case_id, case_number: c.number, kind: t.kind, role: t.role,
        organisation: organisation(dict, t.organisation), state: t.state, task: t.task,
        case: { title: c.title, description: c.description, kind: c.kind, category: { code: c.category, name: dict.categories[c.category].name },
            level: c.level, state: c.state, location: locationOf(c), address: c.address, area: area(dict, c.area), community: area(dict, c.community),
            reporter, received_at: iso(c.received_at), resolve_due_at: iso(c.resolve_due_at) },
        round: t.round, issued_at: iso(t.issued_at),
        issued_by: staffParty(dict, me, t.issued_by, t.issuer_name, t.issued_role, null) ?? roleParty(dict, t.issued_role),
        sign_due_at: iso(t.sign_due_at), contact_due_at: iso(t.contact_due_at), report_due_at: iso(t.report_due_at),
        finish_due_at: iso(t.finish_due_at), signed_at: iso(t.signed_at), contacted_at: iso(t.contacted_at), reported_in_at: iso(t.reported_in_at),
        started_at: iso(t.started_at), submitted_at: iso(t.submitted_at), closed_at: iso(t.closed_at), overdue, overdue_clocks,
        cause_code: t.cause_code, not_contacted: t.not_contacted, department_rating: t.department_rating, rework_count: t.rework_count,
        final: t.final, updated_at: iso(t.updated_at), allowed_actions: ticketActions(dict, t, c, relations),
    };
}

export function viewTicket(app, me, t, c, lists, now) {
    const seen = ticketsSeen(app.dict, me, c);
    const relations = ticketRelations(me, t, c);
    return { ...viewItem(app, me, t, c, relations, reporterOf(me, c, lists), now), result: t.result, reply: t.reply,
        attachments: attachmentsSeen(me, seen, lists, t.id), requests: requestsSeen(app.dict, me, c, lists, t.id),
        askable_requests: askable(app.dict.ticketAsks, t.state, relations) };
}

// A row of a list has the ticket's and the case's columns side by side.
export function viewRow(app, me, row, now) {
    const c = { ...row, kind: row.case_kind, state: row.case_state, handler: null };
    return viewItem(app, me, row, c, ticketRelations(me, row, c), shownReporter(me, c), now);
}

