/* events.c — a stream of events is asked for: is there room, from where, and may they. */
#include <string.h>

#include "../admit.h"
#include "../answer.h"
#include "../cursor.h"
#include "../request.h"
#include "../stream.h"
#include "../worker.h"
#include "ops.h"

/* The header counts: EventSource comes again with the address that it was made with. Empty is as good as none. */
static const char *last_id(const struct request *request, const char **ret_pointer)
{
    const char *id = request->headers.values[HEADER_LAST_EVENT_ID];

    *ret_pointer = "header.Last-Event-ID";
    for (size_t i = 0; !(id && *id) && i < request->n_query; i++)
        if (!strcmp(request->query_names[i], "last_event_id")) {
            id = request->query_values[i];
            *ret_pointer = "query.last_event_id";
        }
    return id && *id ? id : NULL;
}

static void begun(struct db_call *call)
{
    struct request *request = call->context;
    struct refusal refusal;

    if (call->outcome != DB_OK)
        request_refuse_outcome(request, call);
    else if (!PQntuples(call->result))
        request_refuse(request, "internal");
    else if (answer_refusal(call->result, 0, &refusal))
        request_refuse(request, arena_strdup(request->arena, refusal.code));
    else if (request->faults.n)
        request_refuse(request, "cursor_invalid");
    else if (!strcmp(request->method, "HEAD"))
        request_answer(request, 200, "text/event-stream", "", 0);
    else if (streams_full(request->worker->streams) || stream_open(request, call->result))
        request_refuse(request, "unavailable");
}

/* Another instance has room, or this one when it is back. EventSource takes a refusal for the last word: so it is a
 * stream that ends at once. */
static void answer_later(struct request *request)
{
    const char *text = arena_printf(request->arena, "retry: %u\n\n", request->worker->service->config->stream_retry_ms);

    request_answer(request, 200, "text/event-stream", text ? text : "", text ? strlen(text) : 0);
}

void events_stream(struct request *request)
{
    const struct worker *worker = request->worker;
    const struct actor *actor = request->actor;
    unsigned most = worker->service->config->citizen_streams;
    struct cursor_scope scope = stream_scope(worker, actor->tenant);
    const char *pointer;
    const char *id = last_id(request, &pointer);

    if (atomic_load_explicit(&worker->service->draining, memory_order_relaxed)) {
        answer_later(request);
        return;
    }
    if (streams_full(worker->streams)) {
        request_refuse(request, "unavailable");
        return;
    }
    if (most && admit_is_citizen(actor) && streams_of(worker->streams, actor->tenant, actor->subject) >= most) {
        request_refuse(request, "rate_limited");
        return;
    }
    request->cursor = id ? cursor_open(request->arena, &scope, id) : NULL;
    if (id && !request->cursor)
        faults_add(&request->faults, request->arena, pointer, "cursor_invalid");
    request_query(request, "events.begin", /* values= */ NULL, begun);
}
