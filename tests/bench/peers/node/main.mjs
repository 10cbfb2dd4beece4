// The Node.js peer: Fastify, postgres.js. Serves the operations that tests/bench measures, with whistled's replies and effects.
import cluster from 'node:cluster';
import fs from 'node:fs';
import { createHash } from 'node:crypto';
import Fastify from 'fastify';
import postgres from 'postgres';
import { Auth } from './auth.mjs';
import { newId } from './id.mjs';
import { loadDictionary } from './dictionary.mjs';
import { Refusal, NotMeasured, refused } from './refusal.mjs';
import { getCase, listTickets } from './read.mjs';
import { createCase } from './create.mjs';
import { actOnCase, actOnTicket } from './act.mjs';

function statements(folder) {
    const files = fs.readdirSync(folder).map((name) => [name.replace('.sql', ''), fs.readFileSync(`${folder}/${name}`, 'utf8')]);
    return Object.fromEntries(files);
}

function send(reply, status, body, headers, type = 'application/json') {
    reply.code(status).headers({ 'Cache-Control': 'no-store', Vary: 'Accept, Accept-Encoding, Accept-Language, Authorization, Origin',
        'X-Content-Type-Options': 'nosniff', ...headers, 'Content-Type': type });
    return reply.send(body);
}

function problem(app, request, reply, error) {
    if (error instanceof NotMeasured) return reply.code(501).send('not in the benchmark');
    if (!(error instanceof Refusal)) {
        console.error(error);
        error = refused(error.code === '40P01' || error.code === '40001' ? 'unavailable' : 'internal');
    }
    const english = (request.headers['accept-language'] ?? '').startsWith('en');
    const entry = app.dict.errors[error.code];
    const detail = (code) => app.dict.errors[code][english ? 'en' : 'zh'];
    const body = { type: `/docs#errors-${error.code}`, title: english ? entry.title_en : entry.title_zh, status: entry.status,
        detail: detail(error.code), instance: request.requestId, code: error.code, ...error.detail };
    if (error.pointer) body.errors = [{ pointer: error.pointer, code: error.code, detail: detail(error.code) }];
    if (error.faults) body.errors = error.faults.map(([pointer, code]) => ({ pointer, code, detail: detail(code) }));
    const headers = { 'X-Request-Id': request.requestId, 'Content-Language': english ? 'en' : 'zh-CN' };
    if (error.bearer) headers['WWW-Authenticate'] = error.bearer;
    if (entry.status === 503) headers['Retry-After'] = '1';
    return send(reply, entry.status, Buffer.from(JSON.stringify(body)), headers, 'application/problem+json');
}

// Token and role, then the handler; what it answers is written out once, for the tag is made of the bytes.
function route(app, operation, handler) {
    const roles = app.dict.roles[operation];
    return async (request, reply) => {
        request.requestId = request.headers['x-request-id'] ?? newId();
        try {
            const token = app.auth.check(request.headers.authorization);
            if (!token.roles.some((role) => roles.includes(role)))
                throw Object.assign(refused('insufficient_role'), { bearer: 'Bearer realm="whistled", error="insufficient_scope"' });
            const call = { request, token, roles, operation, now: new Date(), id: request.params.id, action: operation.split('.')[1] };
            const done = await handler(app, call);
            const body = Buffer.from(JSON.stringify(done.body)); // a text would get a charset
            const headers = { 'X-Request-Id': request.requestId, ...done.headers };
            if (done.version) headers.ETag = `"${done.version}.${createHash('md5').update(body).digest('hex').slice(0, 8)}"`;
            return send(reply, done.status, body, headers);
        } catch (error) {
            return problem(app, request, reply, error);
        }
    };
}

async function serve() {
    const env = process.env;
    const max = Math.max(1, Math.round(Number(env.BENCH_POOL) / Number(env.BENCH_WORKERS)));
    const sql = postgres({ host: env.BENCH_SOCKET, port: 5432, user: 'whistled', database: env.BENCH_DATABASE, max,
        connection: { search_path: `${env.BENCH_SCHEMA},whistled,public`, TimeZone: 'Asia/Shanghai' },
        types: { bigint: { to: 20, from: [20], parse: Number, serialize: String } } });
    const text = statements(env.BENCH_SQL);
    const dict = await loadDictionary(sql, text);
    const run = (on, name, ...values) => on.unsafe(text[name], values, { prepare: true });
    const app = { sql, dict, auth: new Auth(dict.cursorKey), run };
    text.case_lock = `${text.case} FOR UPDATE OF c`;
    text.ticket_lock = `${text.ticket} FOR UPDATE OF t`;

    const web = Fastify({ bodyLimit: 65536, disableRequestLogging: true });
    web.removeAllContentTypeParsers();
    web.addContentTypeParser('*', { parseAs: 'string' }, (request, body, done) => done(null, body));
    web.setErrorHandler((error, request, reply) => {
        request.requestId ??= newId();
        return problem(app, request, reply, error.statusCode === 413 ? refused('body_too_large') : error);
    });
    web.get('/readyz', async () => 'ready');
    for (const operation of Object.keys(dict.roles)) {
        const [kind, action] = operation.split('.');
        const path = `/v1/${kind}/:id/${action.replace('_', '-')}`;
        if (operation === 'cases.create') web.post('/v1/cases', route(app, operation, createCase));
        else if (operation === 'cases.get') web.get('/v1/cases/:id', route(app, operation, getCase));
        else if (operation === 'tickets.list') web.get('/v1/tickets', route(app, operation, listTickets));
        else web.post(path, route(app, operation, kind === 'cases' ? actOnCase : actOnTicket));
    }
    await web.listen({ host: '127.0.0.1', port: Number(env.BENCH_PORT) });
}

if (cluster.isPrimary) {
    for (let n = 0; n < Number(process.env.BENCH_WORKERS); n++) cluster.fork();
    cluster.on('exit', () => process.exit(1));
} else {
    await serve();
}
