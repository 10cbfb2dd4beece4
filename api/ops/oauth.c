/* oauth.c — POST /v1/oauth/token: a machine client's secret becomes a short-lived token (RFC 6749, 4.4). */
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "../gate.h"
#include "../text.h"
#include "../token_claims.h"
#include "../uuid.h"
#include "../worker.h"
#include "ops.h"

enum { MAX_SCOPES = 16, MAX_BASIC = 1024 };

/* From the credentials to the reply. */
struct exchange {
    const char *client, *secret;
    const char *tenant, *organisation; /* organisation NULL: acts for none */
    bool department;                   /* the organisation's tickets are among its scopes */
    const char *granted;               /* scopes, with blanks between */
};

/* `Basic` and base64 of id:secret, each in the form's escapes (2.3.1). */
static bool read_basic(struct request *request, const char *header, struct exchange *ret_exchange)
{
    const char *text = header + strcspn(header, " ");
    unsigned char bytes[MAX_BASIC];
    char copy[MAX_BASIC];
    char *colon;
    long size;

    text += strspn(text, " ");
    size = (long)strlen(text);
    if (size >= MAX_BASIC)
        return false;
    memcpy(copy, text, (size_t)size + 1);
    while (size && copy[size - 1] == '=')
        size--;
    for (long i = 0; i < size; i++)
        copy[i] = (char)(copy[i] == '+' ? '-' : copy[i] == '/' ? '_' : copy[i]);
    size = text_base64url_decode(copy, (size_t)size, bytes);
    if (size <= 0)
        return false;
    colon = memchr(bytes, ':', (size_t)size);
    if (!colon)
        return false;
    ret_exchange->client =
        guard_decode(request->arena, (char *)bytes, (size_t)(colon - (char *)bytes), /* plus_is_blank= */ true);
    ret_exchange->secret = guard_decode(request->arena, colon + 1, (size_t)((char *)bytes + size - colon - 1),
                                        /* plus_is_blank= */ true);
    return ret_exchange->client && ret_exchange->secret && *ret_exchange->client && *ret_exchange->secret;
}

/* By the header or in the body, never both. NULL, or a code. */
static const char *read_credentials(struct request *request, struct exchange *ret_exchange)
{
    const char *header = request->headers.values[HEADER_AUTHORIZATION];
    const char *client = json_string_value(json_object_get(request->json, "client_id"));
    const char *secret = json_string_value(json_object_get(request->json, "client_secret"));

    if (header) {
        if (strncasecmp(header, "Basic ", 6) != 0 || !read_basic(request, header, ret_exchange))
            return "invalid_client";
        /* The id may be repeated in the body; a second secret may not. */
        return secret || (client && strcmp(client, ret_exchange->client) != 0) ? "two_credentials" : NULL;
    }
    ret_exchange->client = client;
    ret_exchange->secret = secret;
    return client && secret ? NULL : "invalid_client";
}

static bool has_word(const char *words, const char *word, size_t size)
{
    for (size_t length; *(words += strspn(words, " ")); words += length) {
        length = strcspn(words, " ");
        if (length == size && !strncmp(words, word, size))
            return true;
    }
    return false;
}

/* What was asked for, when the client may have all of it; all it may when nothing was. */
static const char *grant(const struct request *request, const char *allowed)
{
    const char *wanted = json_string_value(json_object_get(request->json, "scope"));
    const char *word = wanted ? wanted : allowed;

    if (!*(word + strspn(word, " ")))
        return NULL;
    for (size_t size; *(word += strspn(word, " ")); word += size) {
        size = strcspn(word, " ");
        if (!has_word(allowed, word, size))
            return NULL;
    }
    return wanted ? wanted : allowed;
}

/* Roles and scopes of the token: the database says what of them holds by then. */
static size_t rights_of(struct arena *arena, const struct exchange *exchange, const char *ret_rights[MAX_SCOPES + 2])
{
    const char *rest = exchange->granted;
    size_t n = 0;

    ret_rights[n++] = "client";
    if (exchange->department && has_word(rest, "tickets:work", strlen("tickets:work")))
        ret_rights[n++] = "department";
    for (size_t size; *(rest += strspn(rest, " ")) && n < MAX_SCOPES + 2; rest += size) {
        size = strcspn(rest, " ");
        ret_rights[n++] = arena_strndup(arena, rest, size);
    }
    return n;
}

static char *sign(struct request *request, const struct exchange *exchange)
{
    const struct config *config = request->worker->service->config;
    const char *rights[MAX_SCOPES + 2];
    char id[UUID_SIZE];
    const struct token_grant grant = {
        .subject = exchange->client,
        .tenant = exchange->tenant,
        .organisation = exchange->organisation,
        .id = uuid_new(id) ? NULL : id,
        .roles = rights,
        .n_roles = rights_of(request->arena, exchange, rights),
        .ttl_s = config->client_token_s,
    };
    json_t *claims = token_claims(&grant, config);
    char *token = NULL;

    request->note = "memory is out";
    if (claims)
        token = auth_sign(request->worker->auth, config->signing_kid[0] ? config->signing_kid : NULL, claims,
                          &request->note);
    if (token)
        request->note = NULL;
    json_decref(claims);
    return token;
}

static void answer(struct request *request)
{
    const struct exchange *exchange = request->state;
    char *token = sign(request, exchange);
    json_t *reply =
        token ? json_pack("{s:s, s:s, s:I, s:s}", "access_token", token, "token_type", "Bearer", "expires_in",
                          (json_int_t)request->worker->service->config->client_token_s, "scope", exchange->granted)
              : NULL;
    char *text = reply ? json_dumps(reply, JSON_COMPACT) : NULL;

    if (text)
        request_answer(request, request->operation->status, "application/json", text, strlen(text));
    else
        request_refuse(request, "unavailable");
    json_decref(reply);
    free(text);
    free(token);
}

/* Whether it could be noted does not matter to the client. */
static void noted(struct db_call *call)
{
    answer(call->context);
}

static const char *copy_of(struct request *request, const PGresult *result, const char *name)
{
    int column = PQfnumber(result, name);

    return column < 0 || PQgetisnull(result, 0, column) ? NULL
                                                        : arena_strdup(request->arena, PQgetvalue(result, 0, column));
}

static bool flag_of(const PGresult *result, const char *name)
{
    int column = PQfnumber(result, name);

    return column >= 0 && !PQgetisnull(result, 0, column) && PQgetvalue(result, 0, column)[0];
}

/* A right secret always passes: by wrong ones nobody shuts a client out. */
static const char *judge(struct request *request, struct exchange *exchange, const PGresult *result)
{
    struct worker *worker = request->worker;
    const char *allowed;

    if (!PQntuples(result) || !secret_is_among(exchange->secret, result))
        return rates_take(worker->failures, "secret", exchange->client, worker->now_ms) ? "invalid_client"
                                                                                        : "rate_limited";
    exchange->tenant = copy_of(request, result, "tenant");
    exchange->organisation = copy_of(request, result, "organisation");
    exchange->department = flag_of(result, "department");
    allowed = copy_of(request, result, "scopes");
    if (!exchange->tenant || !allowed)
        return "unavailable";
    if (!rates_take(worker->client_rates, exchange->tenant, exchange->client, worker->now_ms))
        return "rate_limited";
    exchange->granted = grant(request, allowed);
    return exchange->granted ? NULL : "invalid_scope";
}

static void looked_up(struct db_call *call)
{
    struct request *request = call->context;
    struct exchange *exchange = request->state;
    const char *code;
    const char **values;

    if (call->outcome != DB_OK) {
        request_refuse_outcome(request, call);
        return;
    }
    code = judge(request, exchange, call->result);
    if (code) {
        request_refuse(request, code);
    } else if (flag_of(call->result, "stale")) {
        values = arena_alloc(request->arena, 2 * sizeof *values);
        if (!values) {
            request_refuse(request, "unavailable");
            return;
        }
        values[0] = exchange->client;
        values[1] = request->now;
        request_query(request, "system.client_used", values, noted);
    } else {
        answer(request);
    }
}

void oauth_token(struct request *request)
{
    const char *grant_type = json_string_value(json_object_get(request->json, "grant_type"));
    struct exchange *exchange = arena_alloc(request->arena, sizeof *exchange);
    const char **values = arena_alloc(request->arena, 2 * sizeof *values);
    const char *code = exchange && values ? NULL : "unavailable";

    if (!code && (!grant_type || strcmp(grant_type, "client_credentials") != 0))
        code = "unsupported_grant_type";
    if (!code)
        code = read_credentials(request, exchange);
    if (code) {
        request_refuse(request, code);
        return;
    }
    request->state = exchange;
    values[0] = exchange->client;
    values[1] = request->now;
    request_query(request, "system.client", values, looked_up);
}
