// Intake.
import { days, iso, later, minutes } from './dictionary.mjs';
import { settleCase } from './clocks.mjs';
import { newId } from './id.mjs';
import { pointOf, readBody, takeKey } from './body.mjs';
import { NotMeasured, at, refused } from './refusal.mjs';
import { personOf, seesCase, seesStaff } from './me.mjs';
import { readAll } from './read.mjs';
import { viewCase } from './view.mjs';
import { Work } from './work.mjs';

// Fields whose work is not in the benchmark.
const UNMEASURED = ['register', 'start_source', 'arrived', 'external_ref', 'attachments', 'place_id', 'area', 'claimed_at'];
const WHO = ['dispatcher', 'community', 'grid_worker', 'window_clerk', 'client', 'citizen'];
const SOURCES = { citizen: 'resident_app', grid_worker: 'patrol', window_clerk: 'window' };

export async function createCase(app, call) {
    const body = readBody(app, call);
    return app.sql.begin(async (tx) => {
        const { token } = call;
        const id = newId();
        const [[row], done] = await Promise.all([app.run(tx, 'person', token.tenant, token.sub), takeKey(app, tx, call, id)]);
        const me = personOf(app, call, row);
        if (done) return replay(app, tx, call, done);
        const work = await drafted(app, tx, call, me, id, body);
        if (me.id === null) {
            me.id = newId();
            await app.run(tx, 'person_insert', token.tenant, me.id, token.sub);
        }
        work.case.created_by = me.id;
        if (work.role === 'citizen') work.case.reporters = [me.id];
        const ids = await insertCase(app, tx, call, work);
        const view = viewCase(app, me, work.case, work.lists, call.now);
        view.duplicates = seesStaff(me) ? { count: ids.length, ids } : { count: ids.length };
        return { status: 201, body: view, version: view.version, headers: { Location: `/v1/cases/${id}` } };
    });
}

// Done before under this key: the object as it is now.
async function replay(app, tx, call, id) {
    const [me, c, lists] = await readAll(app, tx, call, id);
    if (!seesCase(app.dict, me, c)) throw refused('not_found');
    const view = viewCase(app, me, c, lists, call.now);
    return { status: 201, body: view, version: view.version, headers: { Location: `/v1/cases/${id}`, 'Idempotent-Replayed': 'true' } };
}

// The case as intake would have it, or why it may not be.
async function drafted(app, tx, call, me, id, body) {
    const { dict } = app;
    const { now } = call;
    if (UNMEASURED.some((name) => body[name])) throw new NotMeasured();
    const role = WHO.find((one) => me.roles.includes(one));
    const category = dict.categories[body.category];
    if (!category?.active) throw at('unknown_reference', '/category');
    const staff = role !== 'citizen' && role !== 'client';
    const c = {
        id, version: 1, state: 'received', kind: body.kind, category: body.category, title: body.title ?? null, description: body.description,
        level: 'ordinary', proposed_level: body.level ?? null, registered_at: null, source: body.source ?? SOURCES[role] ?? 'other',
        tags: [...new Set(body.tags ?? [])].sort(), answers: {}, place_id: null, created_role: role, created_org: me.org, reporters: [], withdrawn: [],
        handler: null, first_contact: staff ? me.id : null, first_contact_name: me.name, first_contact_role: role, first_contact_org: me.org,
        first_handler: null, first_handler_org: null, workers: [], lead_ticket: null, lead_org: null, organisations: [], open_orgs: [],
        tickets_issued: 0, tickets_open: 0, tickets_unsubmitted: 0, policy_version: dict.policyVersion, claimed_at: null, received_at: now, round: 1,
        round_started_at: now, round_suspended: 0, arrived_at: null, resolved_at: null, plan_due_at: null, planned_at: null, plan_parties: [],
        fired: [], state_at: now, state_before: null, result: null, reply: null, reject_code: null, merged_into: null, review_date: null,
        evaluating_at: null, closed_at: null, rework_count: 0, urge_count: 0, callback_tries: 0, supervised: [], event_seq: 0, updated_at: now,
    };
    const lists = { attachments: [], external_refs: [], ratings: [], tickets: [], requests: [], reporters: [] };
    const work = new Work(app, call, me, c, lists, body);
    work.role = role;
    await place(app, tx, call, c, body);
    if (Object.keys(body.answers ?? {}).length) throw new NotMeasured();
    const missing = category.questions.find((question) => question.required);
    if (missing) throw at('required', `/answers/${missing.code}`);
    reporter(work, me, body.reporter);
    c.resolve_due_at = later(now, minutes(work.policy, 'ordinary_minutes'));
    c.arrive_due_at = category.on_scene ? later(now, minutes(work.policy, 'arrive_minutes')) : null;
    settleCase(c, work.policy);
    return work;
}

async function place(app, tx, call, c, body) {
    const point = pointOf(body, 'location');
    Object.assign(c, { lon: point?.lon ?? null, lat: point?.lat ?? null, address: body.address ?? point?.address ?? null, area: null, community: null });
    if (!point && c.address === null) throw at('place_missing', '/location');
    const [grid] = point ? await app.run(tx, 'grid', call.token.tenant, c.lon, c.lat) : [];
    if (grid) Object.assign(c, { area: grid.code, community: grid.community_code });
}

// A citizen reports for themselves; staff who name nobody found it themselves.
function reporter(work, me, given) {
    const citizen = work.role === 'citizen';
    const name = given?.name ?? (citizen ? me.name || null : null);
    const phone = given?.phone ?? (citizen ? me.phone : null);
    const anonymous = given?.anonymous ?? false;
    const contactable = given?.contactable ?? (!anonymous && (citizen || phone !== null));
    Object.assign(work.case, { reporter_name: name, reporter_phone: phone, reporter_anonymous: anonymous, reporter_private: given?.private ?? false,
        reporter_contactable: contactable });
    if (citizen || given) work.lists.reporters = [{ n: 1, name, phone, anonymous, private: given?.private ?? false, contactable, withdrawn: false }];
}

// The row and what hangs on it, sent together; with the ids of what may be the same.
async function insertCase(app, tx, call, work) {
    const { case: c, lists } = work;
    work.happened('create', work.role, 'public', null, 'received', null, null,
        { source: c.source, category: c.category, proposed_level: c.proposed_level });
    const number = `${app.dict.prefix}${iso(call.now).slice(0, 10).replaceAll('-', '')}-`;
    work.write('case_insert', c.id, number, c.kind, c.category, c.title, c.description, c.proposed_level, c.source, c.tags, c.answers, c.lon, c.lat,
        c.address, c.area, c.community, c.created_by, c.created_role, c.created_org, c.reporter_name, c.reporter_phone, c.reporter_anonymous,
        c.reporter_private, c.reporter_contactable, c.reporters, c.first_contact, c.policy_version, c.claimed_at, c.received_at, c.arrive_due_at,
        c.resolve_due_at, c.overdue_at, c.clock_next_at);
    work.write('text_insert', c.id, grams([c.title, c.description, c.address]));
    for (const r of lists.reporters) {
        r.person_id = c.reporters[0] ?? null;
        work.write('reporter_insert', c.id, r.person_id, r.name, r.phone, r.anonymous, r.private, r.contactable, call.now);
    }
    work.writeEvents(1, []);
    if (c.lon !== null)
        work.write('duplicates', c.id, c.category, c.lon, c.lat, work.policy.duplicate_metres, later(call.now, -days(work.policy, 'duplicate_days')));
    const answers = await work.flush(tx);
    c.number = answers[0][0].number;
    return c.lon === null ? [] : answers.at(-1).map((row) => row.id);
}

const GAPS = /[\s!-/:-@[-`{-~\u2000-\u206f\u3000-\u303f]+/u;

// What a text is found by: pairs of neighbouring characters, and single ones of Chinese.
function grams(parts) {
    const found = new Set();
    const text = parts.filter((part) => part !== null).join('\n').normalize('NFKC').toLowerCase();
    for (const word of text.split(GAPS)) {
        const letters = [...word];
        letters.forEach((letter, i) => {
            if (letter.codePointAt(0) >= 0x4e00) found.add(letter);
            if (i + 1 < letters.length) found.add(letter + letters[i + 1]);
        });
    }
    return [...found];
}
