/* gate.c — who calls, where a key inside the request says it. */
#include "gate.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>
#include <sys/random.h>

#include "text.h"
#include "worker.h"

enum { MAX_KEY_TEXT = 300 };

int secret_new(char ret_text[SECRET_TEXT])
{
    unsigned char bytes[SECRET_BYTES];

    if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
        return -EIO;
    ret_text[text_base64url(bytes, sizeof bytes, ret_text)] = '\0';
    OPENSSL_cleanse(bytes, sizeof bytes);
    return 0;
}

static int digest_of(const char *secret, unsigned char ret_digest[SECRET_HASH])
{
    return EVP_Digest(secret, strlen(secret), ret_digest, NULL, EVP_sha256(), NULL) == 1 ? 0 : -ENOMEM;
}

int secret_hash(const char *secret, char ret_hash[SECRET_HEX])
{
    unsigned char digest[SECRET_HASH];
    int r = digest_of(secret, digest);

    memcpy(ret_hash, "\\x", 3);
    for (size_t i = 0; !r && i < SECRET_HASH; i++)
        snprintf(ret_hash + 2 + 2 * i, 3, "%02x", digest[i]);
    return r;
}

bool secret_is_among(const char *secret, const PGresult *result)
{
    unsigned char digest[SECRET_HASH];
    int column = PQfnumber(result, "hash");
    bool found = false;

    if (column < 0 || digest_of(secret, digest))
        return false;
    for (int row = 0; row < PQntuples(result); row++)
        if (PQgetlength(result, row, column) == SECRET_HASH)
            found |= !CRYPTO_memcmp(digest, PQgetvalue(result, row, column), SECRET_HASH);
    return found;
}

const char *gate_field(const struct request *request, const char *name)
{
    const char *text = json_string_value(json_object_get(request->json, name));

    for (size_t i = 0; !text && i < request->n_query; i++)
        if (!strcmp(request->query_names[i], name))
            text = request->query_values[i];
    return text && *text ? text : NULL;
}

/* `maoshan.0193….<secret>`: the client it is of, and the secret. */
static bool part_key(struct arena *arena, const char *key, const char **ret_client, const char **ret_secret)
{
    const char *dot = strrchr(key, '.');

    if (!dot || dot == key || !dot[1] || strlen(key) > MAX_KEY_TEXT)
        return false;
    *ret_client = arena_strndup(arena, key, (size_t)(dot - key));
    *ret_secret = dot + 1;
    return *ret_client != NULL;
}

/* The key itself is not guessable; this is for the log, and for those who try all the same. A right key always passes,
 * or anybody could shut a client out by wrong ones. */
static const char *failed(struct request *request, const char *client)
{
    struct worker *worker = request->worker;

    return rates_take(worker->failures, "key", client, worker->now_ms) ? "api_key_invalid" : "rate_limited";
}

static const char *text_of(struct request *request, const PGresult *result, const char *name)
{
    int column = PQfnumber(result, name);

    if (column < 0 || !PQntuples(result) || PQgetisnull(result, 0, column))
        return NULL;
    return arena_strdup(request->arena, PQgetvalue(result, 0, column));
}

/* A client with its key acts as a token of its own would let it, in this one scope. */
static struct actor *actor_of(struct request *request, const char *tenant, const char *client)
{
    struct actor *actor = arena_alloc(request->arena, sizeof *actor);

    if (!actor)
        return NULL;
    *actor = (struct actor){
        .tenant = tenant,
        .subject = client,
        .roles_literal = client ? "{client,open311}" : "{}",
    };
    return actor;
}

static void judged(struct db_call *call)
{
    struct request *request = call->context;
    struct worker *worker = request->worker;
    const char *key = gate_field(request, "api_key");
    const char *client = NULL, *secret = NULL, *tenant, *code;

    if (call->outcome != DB_OK) {
        request_refuse_outcome(request, call);
        return;
    }
    tenant = text_of(request, call->result, "tenant");
    code = text_of(request, call->result, "refusal");
    /* Of a street that is none no key is right, and none is wrong. */
    if (!code && key && part_key(request->arena, key, &client, &secret) && !secret_is_among(secret, call->result))
        code = failed(request, client);
    if (!code && client && !rates_take(worker->client_rates, tenant ? tenant : "", client, worker->now_ms))
        code = "rate_limited";
    request->actor = code ? NULL : actor_of(request, tenant, client);
    if (code || !request->actor) {
        request->faults.n = 0;
        request_refuse(request, code ? code : "unavailable");
        return;
    }
    request->opened(request);
}

void gate_open(struct request *request, void (*opened)(struct request *request))
{
    const char *configured = request->worker->service->config->open311_tenant;
    const char *key = gate_field(request, "api_key");
    const char *client = NULL, *secret;
    const char **values = arena_alloc(request->arena, 4 * sizeof *values);
    const char *code = values ? NULL : "unavailable";

    if (!key && request->operation->gate == GATE_REQUIRED)
        code = "api_key_missing";
    else if (key && !part_key(request->arena, key, &client, &secret))
        code = "api_key_invalid";
    else if (!key && !rates_take(request->worker->public_rates, "", "", request->worker->now_ms))
        code = "rate_limited";
    if (code) {
        request->faults.n = 0;
        request_refuse(request, code);
        return;
    }
    request->opened = opened;
    values[0] = client;
    values[1] = gate_field(request, "jurisdiction_id");
    values[2] = configured[0] ? configured : NULL;
    values[3] = request->now;
    request_query(request, "system.gate", values, judged);
}
