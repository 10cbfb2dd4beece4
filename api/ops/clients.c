/* clients.c — machine clients whose secrets are made here: the database hears their hashes only, the administrator
 * reads them once. */
#include <openssl/crypto.h>
#include <string.h>

#include "../answer.h"
#include "../gate.h"
#include "../worker.h"
#include "ops.h"

struct credentials {
    char secret[SECRET_TEXT], key[SECRET_TEXT];
};

static void forget(struct request *request)
{
    OPENSSL_cleanse(request->state, sizeof(struct credentials));
}

static int make(struct request *request)
{
    struct credentials *made = arena_alloc(request->arena, sizeof *made);
    char *hashes = arena_alloc(request->arena, 2 * SECRET_HEX);
    int r = made && hashes ? 0 : -1;

    if (!r)
        r = secret_new(made->secret);
    if (!r)
        r = secret_new(made->key);
    if (!r)
        r = secret_hash(made->secret, hashes);
    if (!r)
        r = secret_hash(made->key, hashes + SECRET_HEX);
    if (r)
        return r;
    request->state = made;
    request->release = forget;
    request->secret_hash = hashes;
    request->key_hash = hashes + SECRET_HEX;
    return 0;
}

static void add_member(struct buffer *body, const char *name, const char *before, const char *text)
{
    buffer_add_text(body, ",\"");
    buffer_add_text(body, name);
    buffer_add_text(body, "\":\"");
    buffer_add_text(body, before);
    buffer_add_text(body, text);
    buffer_add_text(body, "\"");
}

/* `shown`: a text column of the reply's first row that names what is new, with a comma between: client_secret, api_key.
 * An API key begins with the id of its client, which tells the street too. */
static void add_credentials(struct request *request, const char *shown, const char *client)
{
    const struct credentials *made = request->state;
    struct buffer *body = &request->reply.body;
    const char *prefix = arena_printf(request->arena, "%s.", client);

    if (!prefix || !body->size || body->failed) {
        body->failed = true;
        return;
    }
    body->size--; /* its closing brace */
    if (strstr(shown, "client_secret"))
        add_member(body, "client_secret", "", made->secret);
    if (strstr(shown, "api_key"))
        add_member(body, "api_key", prefix, made->key);
    buffer_add_text(body, "}");
}

static const char *text_of(struct request *request, const PGresult *result, const char *name)
{
    int column = PQfnumber(result, name);

    return column < 0 || !PQntuples(result) || PQgetisnull(result, 0, column)
               ? NULL
               : arena_strdup(request->arena, PQgetvalue(result, 0, column));
}

static void stored(struct db_call *call)
{
    struct request *request = call->context;
    const char *shown, *client;

    if (call->outcome != DB_OK) {
        request_refuse_outcome(request, call);
        return;
    }
    answer_fill(request, call->result);
    shown = text_of(request, call->result, "_shown");
    client = text_of(request, call->result, "client_id");
    /* A replay of an earlier request made nothing: what that one showed nobody can show again. */
    if (!request->reply.code && shown && client)
        add_credentials(request, shown, client);
    request_finish(request);
}

void clients_credential(struct request *request)
{
    if (make(request) || request_submit(request, request->operation->statement, stored))
        request_refuse(request, "unavailable");
}
