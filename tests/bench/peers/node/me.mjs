// The caller: rights, sight, masks, and what somebody is to a case or ticket.
import { below } from './dictionary.mjs';
import { refused } from './refusal.mjs';

const overlap = (a, b) => a.some((one) => b.includes(one));
const has = (me, ...roles) => overlap(me.roles, roles);
export const isOne = (me, id) => me.id !== null && me.id === id;

export function personOf(app, call, row) {
    const { token } = call;
    const me = { id: null, name: '', phone: null, roles: [], org: null, areas: [], grids: [], communities: [], scope: null };
    if (!row && token.roles.includes('citizen') && token.tenant === app.dict.tenant) {
        me.roles = ['citizen'];
    } else if (!row) {
        throw refused('unknown_subject');
    } else if (!row.active) {
        throw refused('subject_inactive');
    } else {
        Object.assign(me, { id: row.id, name: row.name, phone: row.phone, roles: token.roles.filter((role) => row.roles.includes(role)) });
        if (!token.org || token.org === row.organisation_code) me.org = row.organisation_code;
        place(app.dict, me, row);
    }
    if (token.areas) me.scope = below(app.dict, token.areas);
    if (!overlap(me.roles, call.roles)) throw refused('insufficient_role');
    return me;
}

// Grids held, communities named or those of the organisation; with all below.
function place(dict, me, row) {
    const held = [];
    if (has(me, 'grid_worker')) {
        me.grids = row.grids;
        me.communities = row.grids.map((grid) => dict.areas[grid].community_code);
        held.push(...row.grids);
    }
    if (has(me, 'community') && row.areas.length) held.push(...row.areas);
    else if (has(me, 'community'))
        held.push(...Object.values(dict.areas).filter((a) => a.kind === 'community' && a.organisation_code && a.organisation_code === row.organisation_code)
            .map((a) => a.code));
    if (held.length) me.areas = below(dict, held);
}

export const within = (me, area) => me.scope === null || area === null || me.scope.includes(area);
export const seesAll = (me) => has(me, 'dispatcher', 'leader', 'supervisor', 'auditor');
export const seesStaff = (me) =>
    has(me, 'grid_worker', 'community', 'window_clerk', 'dispatcher', 'leader', 'department', 'supervisor', 'auditor', 'admin');

export function fieldSees(dict, me, c) {
    if (has(me, 'grid_worker', 'community') && (me.areas.includes(c.area) || (c.area === null && dict.states[c.state].working))) return true;
    if (has(me, 'grid_worker') && (isOne(me, c.created_by) || isOne(me, c.handler) || c.workers.includes(me.id) ||
        (c.state === 'checking' && me.communities.includes(c.community)))) return true;
    return has(me, 'window_clerk') && c.created_role === 'window_clerk' && c.created_org !== null && c.created_org === me.org;
}

export const ownerSees = (me, c) => (has(me, 'citizen') && c.reporters.includes(me.id)) || (has(me, 'client') && isOne(me, c.created_by));
export const staffSees = (dict, me, c) => within(me, c.area) &&
    (seesAll(me) || fieldSees(dict, me, c) || (has(me, 'department') && c.organisations.includes(me.org)));
export const seesCase = (dict, me, c) => staffSees(dict, me, c) || (within(me, c.area) && ownerSees(me, c));
export const seesTicket = (dict, me, organisation, c) => within(me, c.area) &&
    (seesAll(me) || fieldSees(dict, me, c) || (has(me, 'department') && me.org === organisation));

// all, own or none: which tickets of a case in sight are shown.
export function ticketsSeen(dict, me, c) {
    if (seesAll(me) || fieldSees(dict, me, c)) return 'all';
    return has(me, 'department') ? 'own' : 'none';
}

export const seesReporter = (me, c) => !has(me, 'auditor') &&
    (has(me, 'dispatcher', 'leader', 'supervisor') || isOne(me, c.handler) || me.areas.includes(c.area) ||
        (has(me, 'department') && !c.reporter_private && me.org !== null && me.org === c.lead_org && c.open_orgs.includes(me.org)));

export const maskName = (name) => name && [...name].map((letter, i) => (i ? '*' : letter)).join('');
export function maskPhone(phone) {
    if (!phone) return phone;
    const n = phone.length;
    if (n >= 9) return phone.slice(0, 3) + '*'.repeat(n - 7) + phone.slice(-4);
    return '*'.repeat(Math.max(n - 2, 0)) + phone.slice(n - Math.min(n >> 1, 2));
}

function addresses(me, c, role) {
    const found = [`person:${me.id}`, `role:${role}`];
    if (role === 'department') found.push(`organisation:${me.org}`);
    if (isOne(me, c.handler)) found.push('role:handler');
    return found;
}

// Who worked on it does not check it. That nobody else is left is not looked for: a benchmark's street has others.
function mayCheck(me, c, role) {
    if (c.workers.includes(me.id)) return false;
    if (role === 'community') return me.areas.includes(c.area);
    if (role === 'grid_worker') return me.communities.includes(c.community) && c.area !== null && !me.grids.includes(c.area);
    return role === 'supervisor' || role === 'leader';
}

// What the caller is to a case: roles, and role:relation.
export function caseRelations(me, c) {
    const found = [...me.roles];
    if (me.id === null) return found;
    for (const [role, areas] of [['grid_worker', me.grids], ['community', me.areas]]) {
        if (!has(me, role)) continue;
        if (areas.includes(c.area)) found.push(`${role}:area`, `${role}:reach`);
        else if (c.area === null) found.push(`${role}:reach`);
        if (isOne(me, c.handler)) found.push(`${role}:handler`);
    }
    if (has(me, 'department') && me.org !== null) {
        if (c.lead_org === me.org) found.push('department:lead');
        if (c.open_orgs.includes(me.org)) found.push('department:open');
    }
    if (has(me, 'window_clerk') && c.created_role === 'window_clerk' && c.created_org === me.org) found.push('window_clerk:window');
    for (const role of me.roles) {
        if (c.reporters.includes(me.id) && !c.withdrawn.includes(me.id)) found.push(`${role}:reporter`);
        if (c.state === 'checking' && mayCheck(me, c, role)) found.push(`${role}:check`);
        if (c.plan_parties.length && overlap(c.plan_parties, addresses(me, c, role))) found.push(`${role}:step`);
        if (c.supervised.length && overlap(c.supervised, addresses(me, c, role))) found.push(`${role}:addressee`);
    }
    return found;
}

export function caseActions(dict, c, relations) {
    return (dict.offers[c.state] ?? []).filter((o) => overlap(o.who, relations) && (o.action !== 'plan' || c.level === 'major')).map((o) => o.action);
}

// Kinds of request that whoever stands in these relations may ask for now.
export const askable = (asks, state, relations) => (asks[state] ?? []).filter((a) => overlap(a.who, relations)).map((a) => a.kind);

export const mayBeCalled = (t, c) => t.role === 'lead' && c.reporter_contactable && !c.reporter_anonymous;

export function ticketRelations(me, t, c) {
    const found = [...me.roles];
    if (has(me, 'department') && me.org === t.organisation) {
        found.push('department:own');
        if (mayBeCalled(t, c)) found.push('department:caller');
        if (t.supervised) found.push('department:supervised');
    }
    if (me.id !== null && !t.workers.includes(me.id)) {
        if (has(me, 'dispatcher')) found.push('dispatcher:apart');
        if (has(me, 'community') && me.areas.includes(c.area)) found.push('community:apart');
    }
    return found;
}

export function ticketActions(dict, t, c, relations) {
    const may = (m) => m.offered && overlap(m.who, relations) && (m.variant !== 'remote' || !dict.categories[c.category].on_scene) &&
        (m.action !== 'recall' || c.state !== 'suspended' || t.role === 'assist');
    return (dict.ticketMoves[t.state] ?? []).filter(may).map((m) => m.action);
}

// The role in which somebody who may, does; else why none of those who may is the caller.
export function actingRole(dict, me, who, relations, near) {
    const may = who.find((w) => relations.includes(w));
    if (may) return may.split(':')[0];
    for (const w of who) {
        const [role, relation] = w.split(':');
        if (!has(me, role)) continue;
        if (!near && ['community:check', 'grid_worker:check', 'community:apart'].includes(w)) throw refused('not_in_area');
        if (relation) throw refused(dict.relations[relation]);
    }
    throw refused('insufficient_role');
}
