// Reads: one case, and a department's tickets.
import { NotMeasured, refused } from './refusal.mjs';
import { personOf, seesAll, seesCase } from './me.mjs';
import { viewCase, viewRow } from './view.mjs';

export const isUuid = (text) => /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text);

// The person, the case and what hangs on it: asked together.
export async function readAll(app, on, call, id, name = 'case') {
    const { token } = call;
    const [person, row, lists] = await Promise.all([
        app.run(on, 'person', token.tenant, token.sub), app.run(on, name, token.tenant, id), app.run(on, 'case_lists', token.tenant, id),
    ]);
    const me = personOf(app, call, person[0]);
    if (!row[0]) throw refused('not_found');
    return [me, row[0], lists[0]];
}

export async function getCase(app, call) {
    if (!isUuid(call.id)) throw refused('not_found');
    const [me, c, lists] = await readAll(app, app.sql, call, call.id);
    if (!seesCase(app.dict, me, c)) throw refused('not_found');
    if (c.level === 'major' || c.plan_request) throw new NotMeasured();
    const body = viewCase(app, me, c, lists, call.now);
    return { status: 200, body, version: body.version };
}

// What a department's app asks for: its tickets, newest first, or what changed after a cursor of the feed.
export async function listTickets(app, call) {
    const { request, token } = call;
    const { query } = request;
    if (Object.keys(query).some((name) => name !== 'limit' && name !== 'cursor')) throw new NotMeasured();
    const limit = Number(query.limit ?? 20);
    const payload = query.cursor ? app.auth.openCursor(token, query, query.cursor) : null;
    if (payload && !payload.startsWith('feed|')) throw new NotMeasured();
    const [, era, at] = payload?.split('|') ?? [];
    const [person, [end]] = await Promise.all([app.run(app.sql, 'person', token.tenant, token.sub), app.run(app.sql, 'feed_last', token.tenant, era ?? null)]);
    const me = personOf(app, call, person[0]);
    if (!me.roles.includes('department') || seesAll(me) || me.scope || !me.org) throw new NotMeasured();
    if (payload && Number(at) > (end?.upto ?? 0)) throw refused('cursor_reset');
    const rows = payload ? await app.run(app.sql, 'ticket_feed', token.tenant, me.org, Number(at), limit + 1, end?.era ?? '')
        : await app.run(app.sql, 'ticket_list', token.tenant, me.org, limit + 1);
    const shown = rows.slice(0, limit);
    const next = rows.length > limit ? shown.at(-1).place : payload ? `feed|${end?.era ?? ''}|${end?.last_position ?? 0}` : null;
    const next_cursor = next && app.auth.sealCursor(token, query, next);
    const headers = {};
    if (next_cursor) {
        const [path, old] = request.raw.url.split('?');
        const kept = (old ?? '').split('&').filter((part) => part && !part.startsWith('cursor='));
        headers.Link = `<${path}?${[...kept, `cursor=${next_cursor}`].join('&')}>; rel="next"`;
    }
    return { status: 200, headers, body: { items: shown.map((row) => viewRow(app, me, row, call.now)), next_cursor } };
}
