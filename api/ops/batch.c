/* batch.c — many actions on tickets in one call: each is checked like the single call, all run in one statement, each
 * has its own result. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../admit.h"
#include "../answer.h"
#include "../bind.h"
#include "../db_sqlstate.h"
#include "../etag.h"
#include "../jobs.h"
#include "../log.h"
#include "../names.h"
#include "../problem.h"
#include "../raw.h"
#include "../worker.h"
#include "ops.h"

enum { REAL_DIGITS = 15 };

struct item {
    const struct operation *operation; /* of the single call */
    const json_t *json;
    const char *body; /* as it was sent; NULL: none */
    size_t body_size;
    const char *code; /* refused before the database was asked */
    struct faults faults;
    int row; /* in the statement's result; -1: none */
};

struct batch {
    size_t n;
    bool wants_names; /* a key has none, and the street's names may be newer */
    struct item items[];
};

static const char *text_of(const struct item *item, const char *name)
{
    return json_string_value(json_object_get(item->json, name));
}

/* None stands for {}. To be json_decref'ed. */
static json_t *body_of(const struct item *item)
{
    json_t *body = json_object_get(item->json, "body");

    return body ? json_incref(body) : json_object();
}

/* The contract's enum names nothing but actions. */
static const struct operation *find_action(const char *action)
{
    static const char resource[] = "tickets.";

    for (size_t i = 0; i < contract.n_operations; i++)
        if (!strncmp(contract.operations[i].id, resource, sizeof resource - 1) &&
            !strcmp(contract.operations[i].id + sizeof resource - 1, action))
            return &contract.operations[i];
    return NULL;
}

static void check_body(struct request *request, struct item *item, size_t n)
{
    json_t *body = body_of(item);
    struct faults found = {.n = 0};

    validate_json(item->operation->body, body, request->arena, &found);
    json_decref(body);
    for (size_t i = 0; i < found.n; i++) {
        const char *pointer = arena_printf(request->arena, "/items/%zu/body%s", n, found.items[i].pointer);

        faults_add(&item->faults, request->arena, pointer ? pointer : "", found.items[i].code);
    }
}

/* In the order in which the single call would refuse. */
static void check_item(struct request *request, struct item *item, size_t n)
{
    item->operation = find_action(text_of(item, "action"));
    if (!item->operation) {
        item->code = "internal";
        return;
    }
    check_body(request, item, n);
    if (!admit_lets_in(request->actor, item->operation))
        item->code = "insufficient_role";
    else if (item->faults.n)
        item->code = "invalid_body";
    else if (item->operation->if_match && !text_of(item, "if_match"))
        item->code = "precondition_required";
    if (item->code && strcmp(item->code, "invalid_body") != 0)
        item->faults.n = 0;
}

static struct batch *take_items(struct request *request)
{
    const json_t *items = json_object_get(request->json, "items");
    size_t n = json_array_size(items), size = 0;
    struct batch *batch = arena_alloc(request->arena, sizeof *batch + n * sizeof batch->items[0]);
    const char *array = raw_member(request->body + strspn(request->body, " \t\r\n"), "items", &size);

    if (!batch)
        return NULL;
    batch->n = n;
    for (size_t i = 0; i < n; i++) {
        struct item *item = &batch->items[i];
        const char *raw = array ? raw_item(array, i, &size) : NULL;

        item->row = -1;
        item->json = json_array_get(items, i);
        item->body = raw ? raw_member(raw, "body", &item->body_size) : NULL;
        check_item(request, item, i);
    }
    return batch;
}

/* The item's own, without quotes; or the batch's with a blank and the place, which nobody can send. */
static const char *key_of(struct request *request, const struct item *item, size_t n)
{
    const char *key = text_of(item, "idempotency_key");
    size_t size = key ? strlen(key) : 0;

    if (size > 2 && key[0] == '"' && key[size - 1] == '"')
        return arena_strndup(request->arena, key + 1, size - 2);
    if (key)
        return key;
    return request->key ? arena_printf(request->arena, "%s %zu", request->key, n) : NULL;
}

/* What the single call would have: so a key means the same effect in both. */
static const char *fingerprint_of(struct request *request, const struct item *item)
{
    const char *path = item->operation->path;
    const char *parameter = strchr(path, '{'), *rest = parameter ? strchr(parameter, '}') : NULL;
    const char *whole = rest ? arena_printf(request->arena, "%.*s%s%s", (int)(parameter - path), path,
                                            text_of(item, "ticket_id"), rest + 1)
                             : NULL;

    return whole ? bind_fingerprint(request->arena, item->operation->method, whole, text_of(item, "if_match"),
                                    item->body ? item->body : "", item->body_size)
                 : NULL;
}

static json_t *rights_in(uint32_t rights)
{
    json_t *names = json_array();

    for (size_t i = 0; i < contract.n_roles && i < 32; i++)
        if (rights & 1u << i)
            json_array_append_new(names, json_string(contract.roles[i]));
    return names;
}

static json_t *text_or_null(const char *text)
{
    return text ? json_string(text) : json_null();
}

/* One of p_items of ticket_batch. */
static json_t *asked(struct request *request, const struct item *item, size_t n)
{
    const char *if_match = text_of(item, "if_match");
    const char *key = key_of(request, item, n);
    json_t *asked = json_object();

    json_object_set_new(asked, "n", json_integer((json_int_t)n));
    json_object_set_new(asked, "refused", json_boolean(item->code != NULL));
    json_object_set_new(asked, "roles", rights_in(item->operation ? item->operation->roles : 0));
    if (item->code)
        return asked;
    json_object_set_new(asked, "ticket", text_or_null(text_of(item, "ticket_id")));
    json_object_set_new(asked, "action", text_or_null(text_of(item, "action")));
    json_object_set_new(asked, "if_match", text_or_null(if_match ? etag_versions(request->arena, if_match) : NULL));
    json_object_set_new(asked, "key", text_or_null(key));
    json_object_set_new(asked, "fingerprint", text_or_null(key ? fingerprint_of(request, item) : NULL));
    json_object_set_new(asked, "body", body_of(item));
    return asked;
}

static const char *asked_all(struct request *request, const struct batch *batch)
{
    json_t *all = json_array();
    const char *copy;
    char *text;

    for (size_t i = 0; i < batch->n; i++)
        json_array_append_new(all, asked(request, &batch->items[i], i));
    text = json_dumps(all, JSON_COMPACT | JSON_REAL_PRECISION(REAL_DIGITS));
    json_decref(all);
    copy = text ? arena_strdup(request->arena, text) : NULL;
    free(text);
    return copy;
}

static void add_problem(struct request *request, struct buffer *body, const char *code, const char *detail,
                        size_t detail_size, const char *pointer, const struct faults *faults)
{
    char status[32];

    snprintf(status, sizeof status, "{\"status\":%d,\"problem\":", problem_entry(code)->status);
    buffer_add_text(body, status);
    problem_write(body, request, code, detail, detail_size, pointer, faults);
    buffer_add_text(body, "}");
}

/* Not foreseen: one item's own error, which the others do not feel. What is our fault is told in the log. */
static const char *code_of_error(struct request *request, const struct item *item, size_t n, const char *sqlstate,
                                 const char *message)
{
    bool has_key = request->key || text_of(item, "idempotency_key");
    enum db_outcome outcome = db_sqlstate_outcome(db_sqlstate_verdict(sqlstate, /* fatal= */ false).outcome, has_key);

    if (outcome == DB_BROKEN) {
        const char *place = arena_printf(request->arena, "/items/%zu: %s %s", n, sqlstate, message ? message : "");
        const struct log_field fields[] = {
            LOG_TEXT("request_id", request->id),
            LOG_TEXT("operation", item->operation->id),
            LOG_TEXT("note", place),
            {.name = NULL},
        };

        log_event(LOG_ERROR, "item", fields);
    }
    return request_outcome_code(outcome);
}

/* As answer.c encodes it: where a key has no name and asking for it would not help, by the key itself. */
static int encode_ticket(struct request *request, const PGresult *result, int row, struct buffer *ticket)
{
    const struct binding *binding = request->worker->service->bindings[request->operation->index];
    struct encoding encoding = answer_encoding(request, result);
    int r;

    encoding.masked = answer_flag(result, row, "_masked");
    r = encode_row(binding, result, row, &encoding, ticket);
    if (r != -ENOKEY || answer_wants_names(request, r))
        return r;
    ticket->size = 0;
    encoding.keys_do = true;
    return encode_row(binding, result, row, &encoding, ticket);
}

static void add_ticket(struct request *request, const PGresult *result, int row, struct buffer *body)
{
    struct batch *batch = request->state;
    struct buffer ticket = {.size = 0};
    const char *etag = NULL;
    int r = encode_ticket(request, result, row, &ticket);

    batch->wants_names = batch->wants_names || r == -ENOKEY;
    if (!r)
        etag = etag_make(request->arena, answer_integer(result, row, "_version", 0), ticket.data, ticket.size);
    if (!etag) {
        body->failed = body->failed || r != -ENOKEY;
        buffer_free(&ticket);
        return;
    }
    buffer_add_text(body, "{\"status\":200,\"etag\":");
    buffer_add_json_string(body, etag, strlen(etag));
    buffer_add_text(body, answer_flag(result, row, "_replayed") ? ",\"replayed\":true,\"ticket\":" : ",\"ticket\":");
    buffer_add(body, ticket.data, ticket.size);
    buffer_add_text(body, "}");
    buffer_free(&ticket);
}

static void add_result(struct request *request, const struct item *item, size_t n, const PGresult *result,
                       struct buffer *body)
{
    const char *sqlstate = item->row < 0 ? NULL : answer_text(result, item->row, "_sqlstate");
    struct refusal refusal = {.code = item->row < 0 ? "internal" : NULL};
    const char *pointer;

    if (item->row >= 0)
        (void)answer_refusal(result, item->row, &refusal);
    if (sqlstate)
        refusal = (struct refusal){
            .code = code_of_error(request, item, n, sqlstate, answer_text(result, item->row, "_message"))};
    pointer = refusal.pointer ? arena_printf(request->arena, "/items/%zu/body%s", n, refusal.pointer) : NULL;
    if (refusal.code)
        add_problem(request, body, refusal.code, refusal.detail, refusal.detail_size, pointer,
                    &(struct faults){.n = 0});
    else if (item->code)
        add_problem(request, body, item->code, NULL, 0, NULL, &item->faults);
    else
        add_ticket(request, result, item->row, body);
}

/* Rows come in the order in which they were done; _at says of which item each is. */
static void write_results(struct request *request, struct batch *batch, const PGresult *result)
{
    struct reply *reply = &request->reply;

    for (int row = 0; row < PQntuples(result); row++) {
        int64_t n = answer_integer(result, row, "_at", -1);

        if (n >= 0 && n < (int64_t)batch->n)
            batch->items[n].row = row;
    }
    reply->status = request->operation->status;
    reply->content_type = "application/json";
    reply->replayed = PQntuples(result) && answer_flag(result, 0, "_batch_replayed");
    reply->body.size = 0;
    buffer_add_text(&reply->body, "{\"items\":[");
    for (size_t i = 0; i < batch->n; i++) {
        buffer_add_text(&reply->body, i ? "," : "");
        add_result(request, &batch->items[i], i, result, &reply->body);
    }
    buffer_add_text(&reply->body, "]}");
}

/* The first that was done says it. */
static int64_t edition_of(const PGresult *result)
{
    int64_t edition = 0;

    for (int row = 0; row < PQntuples(result) && !edition; row++)
        edition = answer_integer(result, row, "_names", 0);
    return edition;
}

static void answer(struct request *request, const PGresult *result);

static void named(struct db_call *call)
{
    struct request *request = call->context;
    struct worker *worker = request->worker;

    request->named = true;
    if (call->outcome == DB_OK)
        (void)names_take(worker->names, request->actor->tenant, edition_of(request->kept), worker->now_ms,
                         call->result);
    answer(request, request->kept);
}

static void ask_names(struct request *request)
{
    request->kept = request->call.result;
    request->call.result = NULL;
    request_query(request, "system.names", &request->actor->tenant, named);
}

static void answer(struct request *request, const PGresult *result)
{
    const struct street *street = names_of(request->worker->names, request->actor->tenant);
    struct batch *batch = request->state;
    int64_t edition = edition_of(result);

    batch->wants_names = edition && !(street && street_edition(street) == edition);
    if (request->named || !batch->wants_names)
        write_results(request, batch, result);
    if (!request->named && batch->wants_names)
        ask_names(request);
    else
        request_finish(request);
}

static void batch_done(struct db_call *call)
{
    struct request *request = call->context;
    struct refusal refusal;

    if (call->outcome != DB_OK) {
        request_refuse_outcome(request, call);
        return;
    }
    /* The batch as a whole was refused: not let in, or its key belongs to another. */
    if (PQntuples(call->result) && answer_integer(call->result, 0, "_at", 0) < 0 &&
        answer_refusal(call->result, 0, &refusal)) {
        request_refuse(request, arena_strdup(request->arena, refusal.code));
        return;
    }
    jobs_hint(request->worker->service->jobs);
    answer(request, call->result);
}

void tickets_batch(struct request *request)
{
    struct batch *batch = take_items(request);

    request->state = batch;
    request->json_text = batch ? asked_all(request, batch) : NULL;
    if (!request->json_text || request_submit(request, request->operation->statement, batch_done))
        request_refuse(request, "unavailable");
}
