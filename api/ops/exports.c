/* exports.c — all rows that match, as CSV or lines of JSON: one statement after the other, each as soon as the client
 * has taken what the one before found. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "../answer.h"
#include "../bind.h"
#include "../csv.h"
#include "../drip.h"
#include "../names.h"
#include "../negotiate.h"
#include "../worker.h"
#include "ops.h"

enum {
    MAX_EXPORTS = 16, /* in one worker; only one has a statement under way, so that lists find a connection free */
    MAX_OF_ONE = 2,   /* of one person in one worker */
    RETRY_S = 10,
    MAX_PLACE = 96,
    PIECE = 32768,
    LONGEST_S = 3600,
};

enum form { FORM_CSV, FORM_NDJSON };
static const struct media forms[] = {[FORM_CSV] = {"text", "csv"}, [FORM_NDJSON] = {"application", "x-ndjson"}};
static const char *const form_names[] = {[FORM_CSV] = "csv", [FORM_NDJSON] = "ndjson"};

enum export_state {
    EXPORT_IDLE,    /* the client has not taken yet what is there */
    EXPORT_WAITING, /* for its turn */
    EXPORT_RUNNING, /* its statement is under way, and the connection asleep until it is done */
    EXPORT_CUT,
};

struct exporting {
    struct request *request;
    struct exporting *next; /* in the worker's list: who has waited longest comes first */
    enum export_state state;
    const struct binding *binding;
    enum form form;
    struct csv_style style;
    const char **values; /* of the statement; all but the cursor stay */
    size_t cursor_place; /* among them */
    char cursor[MAX_PLACE];
    int row;     /* of the part, next to be written */
    bool begun;  /* the head of the file is written */
    bool placed; /* the part has said where the next begins */
    bool last;   /* or that there is none */
    bool asked;  /* for names, since the part came */
};

static const char *parameter(const struct request *request, const char *name)
{
    for (size_t i = 0; i < request->operation->n_parameters; i++)
        if (!strcmp(request->operation->parameters[i].name, name))
            return bind_parameter(request, &request->operation->parameters[i]);
    return NULL;
}

static bool says(const struct request *request, const char *name, const char *value)
{
    const char *text = parameter(request, name);

    return text && !strcmp(text, value);
}

/* What the address says comes before what the client says that it reads. */
static int form_of(const struct request *request)
{
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        if (says(request, "format", form_names[i]))
            return (int)i;
    return negotiate_best(request->headers.values[HEADER_ACCEPT], forms, sizeof forms / sizeof *forms);
}

bool exports_accepted(const struct request *request)
{
    return form_of(request) >= 0;
}

static void list_out(struct exporting *export)
{
    struct exporting **place = &export->request->worker->exports;

    while (*place && *place != export)
        place = &(*place)->next;
    if (*place)
        *place = export->next;
}

static void list_in(struct exporting *export)
{
    struct exporting **place = &export->request->worker->exports;

    while (*place)
        place = &(*place)->next;
    export->next = NULL;
    *place = export;
}

static void release(struct request *request)
{
    list_out(request->state);
}

static void ran(struct db_call *call);

/* The one that has waited longest, unless another runs. */
static void run_next(struct worker *worker)
{
    struct exporting *next = NULL;

    for (struct exporting *export = worker->exports; export; export = export->next) {
        if (export->state == EXPORT_RUNNING)
            return;
        if (export->state == EXPORT_WAITING && !next)
            next = export;
    }
    if (!next)
        return;
    next->state = EXPORT_RUNNING;
    next->request->deadline_ms = worker->now_ms + worker->service->config->request_timeout_ms;
    request_submit_values(next->request, next->request->operation->statement, next->values, ran);
}

/* The client waits for the next part. */
static void wait_turn(struct exporting *export)
{
    struct worker *worker = export->request->worker;

    PQclear(export->request->kept);
    export->request->kept = NULL;
    list_out(export);
    list_in(export);
    export->state = EXPORT_WAITING;
    run_next(worker);
}

static void write_head(struct exporting *export, struct buffer *out)
{
    if (export->form != FORM_CSV || export->begun)
        return;
    if (says(export->request, "bom", "true"))
        buffer_add_text(out, "\xef\xbb\xbf");
    csv_header(export->binding->operation->encoder, &export->style, out);
}

static int write_row(const struct exporting *export, const PGresult *part, const struct encoding *encoding,
                     struct buffer *out)
{
    int r;

    if (export->form == FORM_CSV)
        return csv_row(export->binding, part, export->row, encoding, &export->style, out);
    r = encode_row(export->binding, part, export->row, encoding, out);
    buffer_add_text(out, "\n");
    return r;
}

static void named(struct db_call *call);

/* A short read: it waits for nobody's turn. */
static void ask_names(struct exporting *export)
{
    struct request *request = export->request;

    export->asked = true;
    export->state = EXPORT_RUNNING;
    request->deadline_ms = request->worker->now_ms + request->worker->service->config->request_timeout_ms;
    request_query(request, "system.names", &request->actor->tenant, named);
}

/* Each part ends in a row that is none: it says where the next begins, or that there is none. */
static void take_place(struct exporting *export, const PGresult *part)
{
    int column = export->binding->cursor;

    export->placed = true;
    export->last = PQgetisnull(part, export->row, column) != 0;
    if (!export->last)
        snprintf(export->cursor, sizeof export->cursor, "%s", PQgetvalue(part, export->row, column));
    export->values[export->cursor_place] = export->cursor;
}

/* One row more. 0, or -Exxx with nothing added; a key without a name stands for itself when asking does not help. */
static int add_row(struct exporting *export, const PGresult *part, struct buffer *out)
{
    struct encoding encoding = answer_encoding(export->request, part);
    size_t from = out->size;
    int r = write_row(export, part, &encoding, out);

    if (r == -ENOKEY && (export->asked || !answer_wants_names(export->request, r))) {
        out->size = from;
        encoding.keys_do = true;
        r = write_row(export, part, &encoding, out);
    }
    if (r)
        out->size = from;
    return r;
}

/* Rows until there is a piece. 0, or what add_row says. */
static int add_rows(struct exporting *export, struct buffer *out)
{
    const PGresult *part = export->request->kept;
    int n = part ? PQntuples(part) : 0;
    int r = 0;

    for (; export->row < n && out->size < PIECE && !r; export->row += !r) {
        if (!PQgetvalue(part, export->row, export->binding->item)[0])
            take_place(export, part);
        else
            r = add_row(export, part, out);
    }
    return r;
}

/* For names, or for the next part. Only now, with the connection asleep until they are there: nobody else may end this
 * request meanwhile. */
static enum drip_verdict ask_database(struct exporting *export, int r)
{
    struct request *request = export->request;

    request->note = request->worker->phase == WORKER_STOPPED ? "the service stops"
                    : r || export->placed                    ? NULL
                                                             : "a part says nothing of the next";
    if (request->note)
        return DRIP_CUT;
    if (r)
        ask_names(export);
    else
        wait_turn(export);
    return DRIP_WAIT;
}

static enum drip_verdict more(struct request *request, struct buffer *out)
{
    struct exporting *export = request->state;
    int r;

    if (export->state == EXPORT_CUT)
        return DRIP_CUT;
    write_head(export, out);
    export->begun = true;
    r = add_rows(export, out);
    if (r && r != -ENOKEY) {
        request->note = "a row does not fit its reply schema";
        return DRIP_CUT;
    }
    if (out->size)
        return DRIP_MORE;
    if (!r && export->last)
        return DRIP_END;
    return ask_database(export, r);
}

/* Its local date makes tomorrow's file another one. */
static const char *disposition(struct request *request, enum form form)
{
    const char *id = request->operation->id;
    char day[32] = "";

    (void)zone_format(request->worker->zone, (int64_t)time(NULL) * 1000000, day);
    return arena_printf(request->arena, "attachment; filename=\"%.*s-%.4s%.2s%.2s.%s\"", (int)strcspn(id, "."), id, day,
                        day + 5, day + 8, form_names[form]);
}

/* An hour, or as long as the token is good. */
static uint64_t until_ms(const struct request *request)
{
    const struct config *config = request->worker->service->config;
    int64_t left_s = request->actor->expires_at + config->leeway_s - (int64_t)time(NULL);

    left_s = left_s < 0 ? 0 : left_s < LONGEST_S ? left_s : LONGEST_S;
    return request->worker->now_ms + (uint64_t)left_s * 1000;
}

static void begin_reply(struct exporting *export)
{
    struct request *request = export->request;
    const char *name = disposition(request, export->form);

    if (!name || drip_start(request, more, until_ms(request))) {
        request_refuse(request, "unavailable");
        return;
    }
    request->reply.status = request->operation->status;
    request->reply.content_type =
        export->form == FORM_CSV ? "text/csv; charset=utf-8; header=present" : "application/x-ndjson";
    MHD_add_response_header(request->reply.response, "Content-Disposition", name);
    request_finish(request);
}

/* Nothing can be said any more where the client would hear it: the stream is cut, and the log says why. */
static void cut(struct exporting *export, const char *note)
{
    export->state = EXPORT_CUT;
    export->request->note = note ? note : "cut";
    drip_wake(export->request);
}

/* What is no part. Before the first one it decides about the status. */
static void refuse(struct exporting *export, const struct db_call *call, const char *code)
{
    struct request *request = export->request;

    if (request->drip)
        cut(export, code ? arena_strdup(request->arena, code)
                         : arena_printf(request->arena, "%s %s", call->sqlstate, call->message));
    else if (code)
        request_refuse(request, arena_strdup(request->arena, code));
    else
        request_refuse_outcome(request, call);
}

static void go_on(struct exporting *export)
{
    struct worker *worker = export->request->worker;

    export->state = EXPORT_IDLE;
    if (export->request->drip)
        drip_wake(export->request);
    else
        begin_reply(export);
    run_next(worker);
}

/* Whether they came or not: by keys, where there is nothing better. */
static void named(struct db_call *call)
{
    struct request *request = call->context;
    struct worker *worker = request->worker;

    if (call->outcome == DB_OK)
        (void)names_take(worker->names, request->actor->tenant, answer_edition(request, request->kept), worker->now_ms,
                         call->result);
    go_on(request->state);
}

static void ran(struct db_call *call)
{
    struct request *request = call->context;
    struct exporting *export = request->state;
    struct worker *worker = request->worker;
    const char *code = call->outcome == DB_OK ? answer_code(call->result) : NULL;

    export->state = EXPORT_IDLE;
    export->row = 0;
    export->placed = export->asked = false;
    if (call->outcome != DB_OK || code) {
        refuse(export, call, code);
        run_next(worker);
        return;
    }
    request->kept = call->result;
    call->result = NULL;
    if (answer_has_edition(request, request->kept))
        go_on(export);
    else
        ask_names(export);
}

static bool of_same(const struct actor *one, const struct actor *other)
{
    return !strcmp(one->tenant, other->tenant) && !strcmp(one->subject, other->subject);
}

/* NULL, or why not now. */
static const char *no_room(const struct request *request)
{
    unsigned n = 0, own = 0;

    for (const struct exporting *export = request->worker->exports; export; export = export->next) {
        n++;
        own += of_same(export->request->actor, request->actor);
    }
    if (own >= MAX_OF_ONE)
        return "rate_limited";
    return n >= MAX_EXPORTS || request->worker->phase != WORKER_RUNNING ? "unavailable" : NULL;
}

static struct exporting *export_new(struct request *request)
{
    const struct statement *statement = request->operation->statement;
    struct exporting *export = arena_alloc(request->arena, sizeof *export);

    if (!export || bind_arguments(request, statement, &export->values))
        return NULL;
    export->request = request;
    export->binding = request->worker->service->bindings[request->operation->index];
    export->form = form_of(request) == FORM_NDJSON ? FORM_NDJSON : FORM_CSV;
    export->style.titles = says(request, "header", "zh");
    export->style.local_times = says(request, "times", "local");
    for (size_t i = 0; i < statement->n_arguments; i++)
        if (statement->arguments[i].source == ARGUMENT_CURSOR)
            export->cursor_place = i;
    return export;
}

/* HEAD takes nothing, so nothing is read and nothing is on record; only whether the caller might. */
static void headed(struct db_call *call)
{
    struct request *request = call->context;
    const char *code = call->outcome == DB_OK ? answer_code(call->result) : NULL;

    if (call->outcome != DB_OK || code)
        refuse(request->state, call, code);
    else
        begin_reply(request->state);
}

void exports_run(struct request *request)
{
    const char *code = no_room(request);
    struct exporting *export = code ? NULL : export_new(request);

    if (!export) {
        request_refuse(request, code ? code : "unavailable");
        request->reply.retry_after_s = RETRY_S;
        return;
    }
    request->state = export;
    if (!strcmp(request->method, "HEAD")) {
        request_query(request, "people.check", /* values= */ NULL, headed);
        return;
    }
    list_in(export);
    request->release = release;
    export->state = EXPORT_WAITING;
    run_next(request->worker);
}

/* The worker stops: who waits for a turn gets none any more, and who comes for one hears it. */
void exports_stop(struct worker *worker)
{
    struct exporting *next;

    worker->phase = WORKER_STOPPED;
    for (struct exporting *export = worker->exports; export; export = next) {
        struct request *request = export->request;

        next = export->next;
        if (export->state != EXPORT_WAITING)
            continue;
        export->state = EXPORT_CUT;
        request->note = "the service stops";
        if (request->drip)
            drip_wake(request);
        else
            request_refuse(request, "unavailable");
    }
}
