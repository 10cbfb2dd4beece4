/* exports.c — all rows that match, as CSV or lines of JSON: one statement after the other, each as soon as the client
 * has taken what the one before found. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "../answer.h"
#include "../bind.h"
#include "../csv.h"
#include "../drip.h"
#include "../negotiate.h"
#include "../worker.h"
#include "ops.h"

enum {
    MAX_EXPORTS =
        16,         /* in one worker; a part waits until no other export's runs, so that lists find a connection free */
    MAX_OF_ONE = 2, /* of one person in one worker */
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

struct export
{
    struct request *request;
    struct export *next; /* in the worker's list: who has waited longest comes first */
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

static void list_out(struct export *export)
{
    struct export **place = &export->request->worker->exports;

    while (*place && *place != export)
        place = &(*place)->next;
    if (*place)
        *place = export->next;
}

static void list_in(struct export *export)
{
    struct export **place = &export->request->worker->exports;

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
    struct export *next = NULL;

    for (struct export *export = worker->exports; export; export = export->next) {
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
static enum drip_verdict wait_turn(struct export *export)
{
    struct worker *worker = export->request->worker;

    if (worker->phase == WORKER_STOPPED) {
        export->request->note = "the service stops";
        return DRIP_CUT;
    }
    db_call_clear(&export->request->call);
    list_out(export);
    list_in(export);
    export->state = EXPORT_WAITING;
    run_next(worker);
    return DRIP_WAIT;
}

static void write_head(struct export *export, struct buffer *out)
{
    if (export->form != FORM_CSV || export->begun)
        return;
    if (says(export->request, "bom", "true"))
        buffer_add_text(out, "\xef\xbb\xbf");
    csv_header(export->binding->operation->encoder, &export->style, out);
}

static int write_row(struct export *export, const PGresult *part, struct buffer *out)
{
    struct zone *zone = export->request->worker->zone;
    int r;

    if (export->form == FORM_CSV)
        return csv_row(export->binding, part, export->row, zone, &export->style, out);
    r = encode_row(export->binding, part, export->row, zone, out);
    buffer_add_text(out, "\n");
    return r;
}

/* Each part ends in a row that is none: it says where the next begins, or that there is none. */
static void take_place(struct export *export, const PGresult *part)
{
    int column = export->binding->cursor;

    export->placed = true;
    export->last = PQgetisnull(part, export->row, column) != 0;
    if (!export->last)
        snprintf(export->cursor, sizeof export->cursor, "%s", PQgetvalue(part, export->row, column));
    export->values[export->cursor_place] = export->cursor;
}

static enum drip_verdict more(struct request *request, struct buffer *out)
{
    struct export *export = request->state;
    const PGresult *part = request->call.result;
    int n = part ? PQntuples(part) : 0;

    if (export->state == EXPORT_CUT)
        return DRIP_CUT;
    write_head(export, out);
    export->begun = true;
    for (; export->row < n && out->size < PIECE; export->row++) {
        if (!PQgetvalue(part, export->row, export->binding->item)[0]) {
            take_place(export, part);
        } else if (write_row(export, part, out)) {
            request->note = "a row does not fit its reply schema";
            return DRIP_CUT;
        }
    }
    if (export->row < n || out->size)
        return DRIP_MORE;
    if (export->last)
        return DRIP_END;
    request->note = export->placed ? NULL : "a part says nothing of the next";
    /* Only now, with the connection asleep until it is there: nobody else may end this request meanwhile. */
    return export->placed ? wait_turn(export) : DRIP_CUT;
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

static void begin_reply(struct export *export)
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

/* The first part decides about the status. */
static void answer_first(struct export *export, const struct db_call *call)
{
    const char *code = call->outcome == DB_OK ? answer_code(call->result) : NULL;

    if (call->outcome != DB_OK)
        request_refuse_outcome(export->request, call);
    else if (code)
        request_refuse(export->request, arena_strdup(export->request->arena, code));
    else
        begin_reply(export);
}

/* Nothing can be said any more where the client would hear it: the stream is cut, and the log says why. */
static void go_on(struct export *export, const struct db_call *call)
{
    struct request *request = export->request;
    const char *code = call->outcome == DB_OK ? answer_code(call->result) : NULL;

    if (call->outcome != DB_OK || code) {
        export->state = EXPORT_CUT;
        request->note = code ? arena_strdup(request->arena, code)
                             : arena_printf(request->arena, "%s %s", call->sqlstate, call->message);
    }
    drip_wake(request);
}

static void ran(struct db_call *call)
{
    struct request *request = call->context;
    struct export *export = request->state;
    struct worker *worker = request->worker;

    export->state = EXPORT_IDLE;
    export->row = 0;
    export->placed = false;
    if (request->drip)
        go_on(export, call);
    else
        answer_first(export, call);
    run_next(worker);
}

static bool of_same(const struct actor *one, const struct actor *other)
{
    return !strcmp(one->tenant, other->tenant) && !strcmp(one->subject, other->subject);
}

/* NULL, or why not now. */
static const char *no_room(const struct request *request)
{
    unsigned n = 0, own = 0;

    for (const struct export *export = request->worker->exports; export; export = export->next) {
        n++;
        own += of_same(export->request->actor, request->actor);
    }
    if (own >= MAX_OF_ONE)
        return "rate_limited";
    return n >= MAX_EXPORTS || request->worker->phase != WORKER_RUNNING ? "unavailable" : NULL;
}

static struct export *export_new(struct request *request)
{
    const struct statement *statement = request->operation->statement;
    struct export *export = arena_alloc(request->arena, sizeof *export);

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

    answer_first(request->state, call);
}

void exports_run(struct request *request)
{
    const char *code = no_room(request);
    struct export *export = code ? NULL : export_new(request);

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
    struct export *next;

    worker->phase = WORKER_STOPPED;
    for (struct export *export = worker->exports; export; export = next) {
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
