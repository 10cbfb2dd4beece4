// What changes so rarely that it is read at start and kept: the catalogue, the areas, the machines' tables, the policies.
import fs from 'node:fs';

const DAY = 86400000;
const OFFSET = 8 * 3600000; // Asia/Shanghai has had no other for decades

const by = (rows, name, value) => Object.fromEntries(rows.map((row) => [row[name], value(row)]));

function grouped(rows, name) {
    const found = {};
    for (const row of rows) (found[row[name]] ??= []).push(row);
    return found;
}

export async function loadDictionary(sql, text) {
    const tenant = process.env.BENCH_TENANT;
    const contract = JSON.parse(fs.readFileSync(process.env.BENCH_CONTRACT, 'utf8'));
    const policies = await sql`SELECT version, policy_defaults() || settings AS settings FROM policies
        WHERE tenant = ${tenant} AND valid_from <= clock_timestamp() ORDER BY version`;
    const asks = await sql.unsafe(text.asks);
    const moves = async (name) => grouped(await sql.unsafe(text[name]), 'state');
    return {
        ...contract, tenant,
        prefix: (await sql`SELECT number_prefix FROM tenants WHERE tenant = ${tenant}`)[0].number_prefix,
        cursorKey: (await sql`SELECT value FROM secrets WHERE name = 'cursor'`)[0].value,
        categories: by(await sql`SELECT * FROM categories WHERE tenant = ${tenant}`, 'code', (row) => row),
        areas: by(await sql`SELECT code, kind, name, path, community_code, organisation_code FROM areas WHERE tenant = ${tenant}`, 'code', (row) => row),
        organisations: by(await sql`SELECT code, name, active FROM organisations WHERE tenant = ${tenant}`, 'code', (row) => row),
        labels: by(await sql`SELECT code, zh FROM dictionary_entries WHERE dictionary = 'role'`, 'code', (row) => row.zh),
        states: by(await sql`SELECT state, step, working FROM case_states`, 'state', (row) => row),
        openTickets: by(await sql`SELECT state, open FROM ticket_states`, 'state', (row) => row.open),
        offers: await moves('case_offers'),
        caseAsks: grouped(asks.filter((row) => row.subject === 'case'), 'state'),
        ticketAsks: grouped(asks.filter((row) => row.subject === 'ticket'), 'state'),
        caseMoves: await moves('case_moves'),
        ticketMoves: await moves('ticket_moves'),
        shown: by(await sql`SELECT DISTINCT ON (action) action, shown FROM case_transitions ORDER BY action, ordinal`, 'action', (row) => row.shown),
        relations: by(await sql`SELECT relation, refusal FROM machine_relations`, 'relation', (row) => row.refusal),
        decides: by(await sql`SELECT subject || ':' || kind AS kind, decides FROM request_kinds`, 'kind', (row) => row.decides),
        days: by(await sql`SELECT day::text, kind FROM calendar_days WHERE tenant = ${tenant} AND active`, 'day', (row) => row.kind === 'workday'),
        policies: by(policies, 'version', (row) => row.settings),
        policyVersion: policies.at(-1).version,
    };
}

export function below(dict, codes) {
    return Object.values(dict.areas).filter((area) => area.path.some((code) => codes.includes(code))).map((area) => area.code);
}

export const minutes = (policy, name) => policy[name] * 60000;
export const days = (policy, name) => policy[name] * DAY;
export const later = (time, ms) => new Date(time.getTime() + ms);

// A time as the API writes it.
export const iso = (time) => time && `${new Date(time.getTime() + OFFSET).toISOString().slice(0, 23)}+08:00`;

// Working days are counted as 24 hours each, on working days only.
export function addWorkingTime(dict, from, left) {
    const start = from.getTime() + OFFSET;
    for (let day = Math.floor(start / DAY); ; day++) {
        const weekday = (day + 4) % 7; // day 0 was a Thursday
        const worked = dict.days[new Date(day * DAY).toISOString().slice(0, 10)] ?? (weekday !== 0 && weekday !== 6);
        if (!worked) continue;
        const opens = Math.max(start, day * DAY);
        const long = (day + 1) * DAY - opens;
        if (left <= long) return new Date(opens + left - OFFSET);
        left -= long;
    }
}
