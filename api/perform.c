/* perform.c — a request whose body is there: checked, bound, run, answered. */
#include "perform.h"

#include <errno.h>
#include <string.h>

#include "answer.h"
#include "check.h"
#include "jobs.h"
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

static void done(struct db_call *call)
{
    struct request *request = call->context;

    if (call->outcome != DB_OK) {
        request_refuse_outcome(request, call);
        return;
    }
    answer_fill(request, call->result);
    /* What was committed has left news: the drainer need not wait for its next round. */
    if (request->operation->write && !request->reply.code)
        jobs_hint(request->worker->service->jobs);
    request_finish(request);
}

void perform_over(struct request *request)
{
    request_finish(request);
}

/* All that a statement took from the arena; what it answered stays in the reply, but for the address of what comes
 * next. */
static void forget_statement(struct request *request)
{
    db_call_clear(&request->call);
    request->reply.link = NULL;
    arena_rewind(request->arena, &request->mark);
}

void perform_again(struct request *request)
{
    forget_statement(request);
    request->deadline_ms = request->worker->now_ms + request->worker->service->config->request_timeout_ms;
    run(request, listed);
}

/* The database is not there for a moment: who has waited and found nothing keeps its empty list. */
static bool keeps_list(const struct request *request, const struct db_call *call)
{
    return call->outcome == DB_UNAVAILABLE && request->reply.status == request->operation->status;
}

/* Thousands wait: what the last run found is kept as the answer it would be, and nothing else. */
static void make_small(struct request *request)
{
    db_call_clear(&request->call);
    buffer_fit(&request->reply.body);
}

static void listed(struct db_call *call)
{
    struct request *request = call->context;

    if (call->outcome != DB_OK && !keeps_list(request, call)) {
        request_refuse_outcome(request, call);
        return;
    }
    if (call->outcome != DB_OK || answer_fill(request, call->result) == ANSWER_FULL) {
        request_finish(request);
        return;
    }
    make_small(request);
    if (!wait_hang(request))
        request_finish(request);
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
    arena_rewind(request->arena, &request->mark);
    if (!wait_register(request, call->result)) {
        run(request, done);
        return;
    }
    request->mark = arena_mark(request->arena);
    run(request, listed);
}

static void looked(struct db_call *call)
{
    struct request *request = call->context;

    if (call->outcome != DB_OK) {
        request_refuse_outcome(request, call);
    } else if (answer_fill(request, call->result) == ANSWER_FULL) {
        request_finish(request);
    } else {
        forget_statement(request);
        request_query(request, "people.wake_keys", /* values= */ NULL, keyed);
    }
}

/* Staff do; residents and clients ask, and are answered at once. */
static bool may_wait(const struct request *request)
{
    bool staff = false;

    for (size_t i = 0; i < contract.n_roles && i < 32; i++)
        staff = staff || ((request->actor->roles & 1u << i) && strcmp(contract.roles[i], "citizen") != 0 &&
                          strcmp(contract.roles[i], "client") != 0);
    return staff && !atomic_load_explicit(&request->worker->service->draining, memory_order_relaxed);
}

static void run_waiting(struct request *request)
{
    request->reply.preference_applied = arena_printf(request->arena, "wait=%u", request->wait_s);
    request->mark = arena_mark(request->arena);
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

static void refuse(struct request *request, const char *code)
{
    request->refusal = code;
    if (request->actor)
        request_query(request, "people.check", /* values= */ NULL, person_checked);
    else
        request_refuse(request, code);
}

void perform(struct request *request)
{
    const struct operation *operation = request->operation;
    const char *code = check_request(request);

    if (code)
        refuse(request, code);
    else if (request->body_end)
        request->body_end(request);
    else if (operation->function)
        operation->function(request);
    else if (request->wait_s && may_wait(request))
        run_waiting(request);
    else
        run(request, done);
}
