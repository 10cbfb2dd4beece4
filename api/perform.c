/* perform.c — a request whose body is there: checked, bound, run, answered. */
#include "perform.h"

#include <errno.h>
#include <string.h>

#include "answer.h"
#include "check.h"
#include "gate.h"
#include "jobs.h"
#include "names.h"
#include "negotiate.h"
#include "problem.h"
#include "worker.h"

static void listed(struct db_call *call);

/* Hands the statement over; when memory is out there is nothing else to say. */
static void run(struct request *request, void (*done)(struct db_call *call))
{
    if (request_submit(request, request->operation->statement, done))
        request_refuse(request, "unavailable");
}

/* A write's own statement has run when its rows wait for names: that is a read. */
static void ask_names(struct request *request, void (*then)(struct db_call *call))
{
    const char **values = arena_alloc(request->arena, sizeof *values);

    PQclear(request->kept);
    request->kept = request->call.result;
    request->call.result = NULL;
    if (!values) {
        request_refuse(request, request->operation->write ? "outcome_unknown" : "unavailable");
        return;
    }
    values[0] = request->actor->tenant;
    request_query(request, "system.names", values, then);
}

/* Whether they came or not, the rows are shown: by keys, where there is nothing better. */
static const PGresult *take_names(struct request *request, const struct db_call *call)
{
    struct worker *worker = request->worker;
    int64_t edition = answer_edition(request, request->kept);

    request->named = true;
    if (call->outcome == DB_OK)
        (void)names_take(worker->names, request->actor->tenant, edition, worker->now_ms, call->result);
    return request->kept;
}

static void fill_or_name(struct request *request, const PGresult *result, void (*named)(struct db_call *call))
{
    if (answer_fill(request, result) == ANSWER_WANTS_NAMES)
        ask_names(request, named);
    else
        request_finish(request);
}

static void done_named(struct db_call *call)
{
    struct request *request = call->context;

    fill_or_name(request, take_names(request, call), /* named= */ NULL);
}

void perform_done(struct db_call *call)
{
    struct request *request = call->context;

    if (call->outcome != DB_OK) {
        request_refuse_outcome(request, call);
        return;
    }
    /* What was committed has left news: the drainer need not wait for its next round. */
    if (request->operation->write && !answer_refuses(request, call->result))
        jobs_hint(request->worker->service->jobs);
    fill_or_name(request, call->result, done_named);
}

void perform_over(struct request *request)
{
    request_finish(request);
}

static void forget_rows(struct request *request)
{
    db_call_clear(&request->call);
    PQclear(request->kept);
    request->kept = NULL;
}

/* All that a statement took from the arena; what it answered stays in the reply, but for the address of what comes
 * next. */
static void forget_statement(struct request *request)
{
    forget_rows(request);
    request->named = false;
    request->reply.link = NULL;
    arena_rewind(request->arena, &request->mark);
}

static void looked(struct db_call *call);

void perform_again(struct request *request)
{
    forget_statement(request);
    request->deadline_ms = request->worker->now_ms + request->worker->service->config->request_timeout_ms;
    run(request, wait_unpark(request) ? looked : listed);
}

/* The database is not there for a moment: who has waited and found nothing keeps its empty list. */
static bool keeps_list(const struct request *request, const struct db_call *call)
{
    return call->outcome == DB_UNAVAILABLE && request->reply.status == request->operation->status;
}

static void listed_named(struct db_call *call);

static bool is_on_feed(const struct request *request)
{
    return request->cursor && !strncmp(request->cursor, "feed|", 5);
}

/* News, and all there are: who follows the feed will ask for more of them at once. */
static void finish_wait(struct request *request, const PGresult *result)
{
    if (is_on_feed(request) && request->reply.status == request->operation->status &&
        PQntuples(result) < (int)request->limit && !answer_flag(result, 0, "_more"))
        wait_seen(request);
    request_finish(request);
}

/* Thousands wait: what the last run found is kept as the answer it would be, and nothing else. */
static void make_small(struct request *request)
{
    forget_rows(request);
    buffer_fit(&request->reply.body);
}

static void hang_or_finish(struct request *request, const PGresult *result)
{
    switch (answer_fill(request, result)) {
    case ANSWER_WANTS_NAMES:
        ask_names(request, listed_named);
        return;
    case ANSWER_EMPTY_LIST:
        make_small(request);
        if (wait_hang(request))
            return;
        break;
    case ANSWER_FULL:
        finish_wait(request, result);
        return;
    }
    request_finish(request);
}

static void listed_named(struct db_call *call)
{
    struct request *request = call->context;

    hang_or_finish(request, take_names(request, call));
}

static void listed(struct db_call *call)
{
    struct request *request = call->context;

    if (call->outcome != DB_OK && !keeps_list(request, call)) {
        request_refuse_outcome(request, call);
        return;
    }
    if (call->outcome != DB_OK) {
        request_finish(request);
        return;
    }
    hang_or_finish(request, call->result);
}

/* Which keys would wake this caller. Then it looks again, for something may have happened in between; without a key or
 * room that is the answer. */
static void keyed(struct db_call *call)
{
    struct request *request = call->context;

    if (call->outcome != DB_OK) {
        request_refuse_outcome(request, call);
        return;
    }
    wait_leave(request);
    arena_rewind(request->arena, &request->mark);
    if (!wait_register(request, call->result)) {
        request->reply.preference_applied = NULL;
        run(request, perform_done);
        return;
    }
    request->mark = arena_mark(request->arena);
    run(request, listed);
}

static void looked_named(struct db_call *call);

/* What is there is answered; whoever found nothing asks what would wake it. */
static void answer_or_wait(struct request *request, const PGresult *result)
{
    switch (answer_fill(request, result)) {
    case ANSWER_WANTS_NAMES:
        ask_names(request, looked_named);
        break;
    case ANSWER_EMPTY_LIST:
        if (wait_over(request)) {
            request_finish(request);
            return;
        }
        forget_statement(request);
        request_query(request, "people.wake_keys", /* values= */ NULL, keyed);
        break;
    case ANSWER_FULL:
        finish_wait(request, result);
        break;
    }
}

static void looked_named(struct db_call *call)
{
    struct request *request = call->context;

    answer_or_wait(request, take_names(request, call));
}

static void looked(struct db_call *call)
{
    struct request *request = call->context;

    if (call->outcome != DB_OK)
        request_refuse_outcome(request, call);
    else
        answer_or_wait(request, call->result);
}

/* Staff do; residents and clients ask, and are answered at once. */
static bool may_wait(const struct request *request)
{
    bool staff = false;

    for (size_t i = 0; i < contract.n_roles && i < 32; i++)
        staff = staff || ((request->actor->roles & ~contract.scopes & 1u << i) &&
                          strcmp(contract.roles[i], "citizen") != 0 && strcmp(contract.roles[i], "client") != 0);
    return staff && !atomic_load_explicit(&request->worker->service->draining, memory_order_relaxed);
}

static void run_waiting(struct request *request)
{
    bool parked;

    request->reply.preference_applied = arena_printf(request->arena, "wait=%u", request->wait_s);
    parked = is_on_feed(request) && wait_park(request);
    request->mark = arena_mark(request->arena);
    if (!parked)
        run(request, looked);
}

/* The body is wrong, but 403 comes first: does the database know this person, and let it do such things? */
static void person_checked(struct db_call *call)
{
    struct request *request = call->context;
    const char *code;

    if (call->outcome != DB_OK) {
        request_refuse_outcome(request, call);
        return;
    }
    code = answer_code(call->result);
    if (code)
        request->faults.n = 0;
    request_refuse(request, code ? arena_strdup(request->arena, code) : request->refusal);
}

void perform_refuse(struct request *request, const char *code)
{
    request->refusal = code;
    if (request->actor)
        request_query(request, "people.check", /* values= */ NULL, person_checked);
    else
        request_refuse(request, code);
}

void perform_statement(struct request *request)
{
    run(request, perform_done);
}

static void go_on(struct request *request)
{
    const struct operation *operation = request->operation;

    if (request->body_end)
        request->body_end(request);
    else if (operation->function)
        operation->function(request);
    else if (request->wait_s && may_wait(request))
        run_waiting(request);
    else
        run(request, perform_done);
}

/* What is wrong with the request waited: that the key is comes first. */
static void let_in(struct request *request)
{
    if (request->refusal)
        request_refuse(request, request->refusal);
    else
        go_on(request);
}

void perform(struct request *request)
{
    const char *code = check_request(request);

    /* Of a form that cannot be read nobody knows whose key is in it. */
    if (request->operation->gate && (!request->operation->form || request->json)) {
        request->refusal = code;
        gate_open(request, let_in);
    } else if (code) {
        perform_refuse(request, code);
    } else {
        go_on(request);
    }
}
