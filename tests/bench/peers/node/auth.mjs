// Tokens and cursors.
import fs from 'node:fs';
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { refused } from './refusal.mjs';

const LEEWAY_S = 30;

function fail(code, bearer) {
    throw Object.assign(refused(code), { bearer });
}

export class Auth {
    constructor(cursorKey) {
        this.key = fs.readFileSync(process.env.BENCH_KEY_FILE);
        this.cursorKey = cursorKey;
        this.verified = new Map(); // by digest, as whistled does
    }

    check(header) {
        if (!header) fail('unauthorized', 'Bearer realm="whistled"');
        const text = header.replace(/^Bearer /, '');
        const digest = createHash('sha256').update(text).digest('base64');
        let token = this.verified.get(digest);
        if (!token) {
            token = this.verify(text);
            if (token) this.verified.set(digest, token);
        }
        if (!token || Date.now() / 1000 - LEEWAY_S >= token.exp) fail('invalid_token', 'Bearer realm="whistled", error="invalid_token"');
        return token;
    }

    verify(text) {
        const parts = text.split('.');
        if (parts.length !== 3) return null;
        const wanted = createHmac('sha256', this.key).update(`${parts[0]}.${parts[1]}`).digest();
        const given = Buffer.from(parts[2], 'base64url');
        if (given.length !== wanted.length || !timingSafeEqual(given, wanted)) return null;
        try {
            const [head, token] = parts.slice(0, 2).map((part) => JSON.parse(Buffer.from(part, 'base64url').toString()));
            const audience = [token.aud].flat().includes(process.env.BENCH_AUDIENCE);
            const begun = Date.now() / 1000 + LEEWAY_S >= (token.nbf ?? 0);
            return head.alg === 'HS256' && token.iss === process.env.BENCH_ISSUER && audience && begun && token.exp ? token : null;
        } catch {
            return null;
        }
    }

    // HMAC over operation, tenant, subject, the sum of the filters' digests, and the payload.
    seal(token, query, payload) {
        const sum = Buffer.alloc(32);
        for (const [name, value] of Object.entries(query)) {
            if (['cursor', 'limit', 'count', 'updated_after'].includes(name)) continue;
            const digest = createHash('sha256').update(`${name}\0${value}\0`).digest();
            for (let i = 0, carry = 0; i < 32; i++) {
                carry += sum[i] + digest[i];
                sum[i] = carry & 255;
                carry >>= 8;
            }
        }
        const mac = createHmac('sha256', this.cursorKey).update(`tickets.list\0${token.tenant}\0${token.sub}\0`);
        return mac.update(sum).update(payload).digest().subarray(0, 16);
    }

    sealCursor(token, query, payload) {
        return Buffer.concat([this.seal(token, query, payload), Buffer.from(payload)]).toString('base64url');
    }

    openCursor(token, query, cursor) {
        const bytes = Buffer.from(cursor, 'base64url');
        const payload = bytes.subarray(16).toString();
        if (bytes.length < 16 || !timingSafeEqual(bytes.subarray(0, 16), this.seal(token, query, payload))) throw refused('cursor_invalid');
        return payload;
    }
}
