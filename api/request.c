/* request.c — a request's life, and what an operation's own function may do with it. */
#include "request.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bind.h"
#include "drip.h"
#include "problem.h"
#include "uuid.h"
#include "worker.h"

/* All that one request may take beside its body and its reply. */
enum { ARENA_LIMIT = 4 * 1024 * 1024, DEFAULT_LIMIT = 20 };

struct request *request_new(struct worker *worker, struct MHD_Connection *connection, const char *target)
{
    struct arena *arena = arena_new(ARENA_LIMIT);
    struct request *request = arena ? arena_alloc(arena, sizeof *request) : NULL;

    if (!request) {
        arena_free(arena);
        return NULL;
    }
    request->arena = arena;
    request->worker = worker;
    request->connection = connection;
    request->target = arena_strdup(arena, target);
    request->limit = DEFAULT_LIMIT;
    request->begun_us = worker_clock_us();
    request->deadline_ms = worker_clock_ms() + worker->service->config->request_timeout_ms;
    if (!request->target || uuid_new(request->id)) {
        arena_free(arena);
        return NULL;
    }
    return request;
}

struct request *request_free(struct request *request)
{
    if (!request)
        return NULL;
    wait_leave(request);
    if (request->release)
        request->release(request);
    db_call_clear(&request->call);
    PQclear(request->kept);
    json_decref(request->json);
    if (request->reply.response)
        MHD_destroy_response(request->reply.response);
    drip_free(request->drip);
    buffer_free(&request->reply.body);
    free(request->body);
    arena_free(request->arena);
    return NULL;
}

void request_suspend(struct request *request)
{
    if (request->suspended)
        return;
    request->suspended = true;
    MHD_suspend_connection(request->connection);
}

void request_finish(struct request *request)
{
    request->reply.ready = true;
    wait_leave(request);
    if (!request->suspended)
        return;
    request->suspended = false;
    request->worker->daemon_due = true;
    MHD_resume_connection(request->connection);
}

void request_refuse_with(struct request *request, const char *code, const char *detail)
{
    problem_fill(request, code, detail, detail ? strlen(detail) : 0, /* pointer= */ NULL);
    request_finish(request);
}

void request_refuse(struct request *request, const char *code)
{
    request_refuse_with(request, code, /* detail= */ NULL);
}

void request_answer(struct request *request, int status, const char *content_type, const char *body, size_t size)
{
    request->reply.status = status;
    request->reply.content_type = content_type;
    request->reply.body.size = 0;
    buffer_add(&request->reply.body, body, size);
    request_finish(request);
}

const char *request_outcome_code(enum db_outcome outcome)
{
    static const char *const codes[] = {
        [DB_OK] = "internal",
        [DB_CONFLICT] = "conflict",
        [DB_INVALID] = "invalid_value",
        [DB_KEY_BUSY] = "request_in_progress",
        [DB_UNAVAILABLE] = "unavailable",
        [DB_OUTCOME_UNKNOWN] = "outcome_unknown",
        [DB_BROKEN] = "internal",
    };

    return codes[outcome];
}

void request_refuse_outcome(struct request *request, const struct db_call *call)
{
    request->faults.n = 0;
    request->shed = call->shed;
    if (call->message[0] || call->sqlstate[0])
        request->note = arena_printf(request->arena, "%s %s", call->sqlstate, call->message);
    request_refuse(request, request_outcome_code(call->outcome));
}

static const struct statement *find_statement(const char *name)
{
    for (size_t i = 0; i < contract.n_statements; i++)
        if (!strcmp(contract.statements[i].name, name))
            return &contract.statements[i];
    return NULL;
}

void request_submit_values(struct request *request, const struct statement *statement, const char *const *values,
                           void (*done)(struct db_call *call))
{
    const struct operation *operation = request->operation;
    bool own = operation && statement == operation->statement;

    db_call_clear(&request->call);
    request->served |= request->call.done != NULL;
    request->call = (struct db_call){
        .statement = statement,
        .values = values,
        .tenant = request->actor ? request->actor->tenant : NULL,
        .write = operation && operation->write && (own || !operation->statement),
        .alone = operation && operation->alone,
        .on_record = operation && operation->on_record && own,
        .has_key = request->key != NULL,
        .goes_on = request->served,
        .deadline_ms = request->deadline_ms,
        .done = done,
        .context = request,
    };
    /* The worker is on its way out: pipelined requests may still come in. */
    if (request->worker->db)
        db_submit(request->worker->db, &request->call);
    else
        request_refuse(request, "unavailable");
}

int request_submit(struct request *request, const struct statement *statement, void (*done)(struct db_call *call))
{
    const char **values;
    int r = bind_arguments(request, statement, &values);

    if (!r)
        request_submit_values(request, statement, values, done);
    return r;
}

void request_query(struct request *request, const char *name, const char *const *values,
                   void (*done)(struct db_call *call))
{
    const struct statement *statement = find_statement(name);

    if (!statement) {
        request->note = "no such statement";
        request_refuse(request, "internal");
        return;
    }
    if (values)
        request_submit_values(request, statement, values, done);
    else if (request_submit(request, statement, done))
        request_refuse(request, "unavailable");
}
