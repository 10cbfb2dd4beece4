/* http.c — what libmicrohttpd calls: a request begins, its body comes in pieces, its reply goes out, it ends. */
#include "http.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "admit.h"
#include "connection.h"
#include "form_upload.h"
#include "log.h"
#include "perform.h"
#include "reply.h"
#include "worker.h"

/* What is read away for a client that was refused, so that its connection may live on; more is not worth it. */
enum { MAX_DISCARD = 65536, FIRST_BODY = 4096 };

size_t http_unescape(void *cls, struct MHD_Connection *connection, char *text)
{
    (void)cls;
    (void)connection;
    return strlen(text);
}

/* Before libmicrohttpd takes the query apart: of one that does not fit into the connection's memory it makes neither a
 * request nor an error. */
static void refuse_target(struct request *request)
{
    request->begun = true;
    request_refuse(request, "bad_target");
    connection_linger(request->peer);
    reply_send_raw(request, request->peer->fd);
    shutdown(request->peer->fd, SHUT_RDWR);
    request->worker->daemon_due = true;
}

void *http_begin(void *cls, const char *target, struct MHD_Connection *connection)
{
    struct worker *worker = cls;
    struct connection *peer = connection_of(connection);
    struct request *request = peer ? request_new(worker, connection, target) : NULL;

    if (!request)
        return NULL;
    request->peer = peer;
    peer->request = request;
    connection_enter(peer, CONNECTION_HEADER);
    if (guard_query_parts(target) > MAX_QUERY)
        refuse_target(request);
    return request;
}

static enum MHD_Result send_reply(struct request *request)
{
    connection_enter(request->peer, request->drip ? CONNECTION_DRIPPING : CONNECTION_SENDING);
    return reply_send(request);
}

/* The body is still to come. It is read away when it is small; otherwise the connection ends with this reply. */
static enum MHD_Result answer_early(struct request *request, bool close)
{
    bool expects = request->headers.values[HEADER_EXPECT] != NULL;
    bool long_body = request->framing.length > MAX_DISCARD || request->framing.length > admit_max_body(request);

    if (!close && !long_body && !(expects && request->framing.has_body))
        return MHD_YES;
    request->reply.close = true;
    connection_linger(request->peer);
    return send_reply(request);
}

/* Only who was let in may take an upload's time. */
static enum connection_phase phase_after_header(const struct request *request, const char *refusal)
{
    bool upload = !refusal && request->operation && (request->operation->raw_body || form_upload_is_meant(request));

    if (!request->framing.has_body)
        return CONNECTION_WORKING;
    return upload ? CONNECTION_UPLOAD : CONNECTION_BODY;
}

/* Where libmicrohttpd takes no reply, in the middle of a body or with the connection's memory full, it is written past
 * it, and the connection ends. */
static enum MHD_Result refuse_midway(struct request *request, const char *code)
{
    if (!request->reply.ready)
        request_refuse(request, code);
    connection_linger(request->peer);
    reply_send_raw(request, request->peer->fd);
    return MHD_NO;
}

static enum MHD_Result begin(struct request *request, const char *method, const char *version)
{
    bool close = false;
    const char *code;

    request->begun = true;
    code = admit(request, method, version, &close);
    connection_enter(request->peer, phase_after_header(request, code));
    if (request->framing.has_body)
        connection_await(request->peer);
    if (code && !strcmp(code, "headers_too_large"))
        return refuse_midway(request, code);
    if (code)
        request_refuse(request, code);
    else if (!request->reply.ready && request->operation && request->operation->raw_body)
        request->operation->function(request); /* opens what the body is to go to */
    else if (!request->reply.ready && form_upload_is_meant(request))
        form_upload_open(request);
    else
        return MHD_YES;
    return request->reply.ready ? answer_early(request, close) : MHD_YES;
}

static bool grow(struct request *request, size_t size)
{
    size_t capacity = request->body_capacity ? request->body_capacity : FIRST_BODY;
    char *body;

    if (size < request->body_capacity)
        return true;
    while (capacity <= size)
        capacity *= 2;
    body = realloc(request->body, capacity);
    if (!body)
        return false;
    request->body = body;
    request->body_capacity = capacity;
    return true;
}

static void refuse_length(struct request *request)
{
    bool close;

    request->begun = true;
    (void)admit(request, "GET", "HTTP/1.1", &close);
    (void)refuse_midway(request, "bad_framing");
    /* What libmicrohttpd is about to write has nowhere to go any more. */
    shutdown(request->peer->fd, SHUT_WR);
}

/* It does not say which connection it means: it is one whose header is being read and has such a line, and whichever of
 * them it is, all would be refused for it. */
void http_log(void *cls, const char *format, va_list arguments)
{
    struct worker *worker = cls;
    struct connection *next;

    (void)arguments;
    if (!strstr(format, "Content-Length"))
        return;
    for (struct connection *peer = worker->connections.first[CONNECTION_HEADER]; peer; peer = next) {
        struct request *request = peer->request;
        const char *length = MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, "Content-Length");

        next = peer->next;
        if (length && !guard_is_length(length) && !request->begun)
            refuse_length(request);
    }
}

static enum MHD_Result take_body(struct request *request, const char *data, size_t *size)
{
    size_t total = request->body_size + *size;
    bool refused = request->reply.ready;

    if (total > (refused ? MAX_DISCARD : admit_max_body(request)))
        return refuse_midway(request, "body_too_large");
    if (!refused && request->body_chunk) {
        (void)request->body_chunk(request, data, *size);
    } else if (!refused) {
        if (!grow(request, total + 1))
            return refuse_midway(request, "unavailable");
        memcpy(request->body + request->body_size, data, *size);
        request->body[total] = '\0';
    }
    request->body_size = total;
    *size = 0;
    connection_await(request->peer);
    return MHD_YES;
}

enum MHD_Result http_handle(void *cls, struct MHD_Connection *connection, const char *url, const char *method,
                            const char *version, const char *upload, size_t *upload_size, void **request_place)
{
    struct request *request = *request_place;

    (void)cls;
    (void)connection;
    (void)url;
    if (!request)
        return MHD_NO;
    if (!request->begun)
        return begin(request, method, version);
    if (request->handed_over)
        return MHD_NO;
    if (*upload_size)
        return take_body(request, upload, upload_size);
    if (!request->reply.ready) {
        connection_enter(request->peer, CONNECTION_WORKING);
        perform(request);
    }
    if (request->reply.ready)
        return send_reply(request);
    request_suspend(request);
    return MHD_YES;
}

/* One line for each request: the client's mistakes are news, ours are errors. Of those refused for their number db.c
 * warns in one line: thousands in a second would fill a disk, and take the time that the others need. */
static void log_request(const struct request *request, uint64_t us)
{
    const struct reply *reply = &request->reply;
    const enum log_level level = reply->status == 500                ? LOG_ERROR
                                 : request->shed                     ? LOG_DEBUG
                                 : reply->status > 500 || reply->cut ? LOG_WARNING
                                                                     : LOG_INFO;
    const struct log_field fields[] = {
        LOG_TEXT("request_id", request->id),
        LOG_TEXT("traceparent", request->traceparent),
        LOG_TEXT("method", request->method),
        LOG_TEXT("path", request->parts.path),
        LOG_TEXT("operation", request->operation ? request->operation->id : NULL),
        LOG_TEXT("tenant", request->actor ? request->actor->tenant : NULL),
        LOG_TEXT("subject", request->actor ? request->actor->subject : NULL),
        LOG_NUMBER("status", reply->status),
        LOG_TEXT("code", reply->code),
        LOG_TEXT("note", request->note),
        LOG_NUMBER("us", us),
        {.name = NULL},
    };

    if (log_wants(level))
        log_event(level, "request", fields);
}

void http_complete(void *cls, struct MHD_Connection *connection, void **request_place,
                   enum MHD_RequestTerminationCode code)
{
    struct worker *worker = cls;
    struct request *request = *request_place;
    uint64_t us;

    (void)connection;
    if (!request)
        return;
    if (request->drip && code != MHD_REQUEST_TERMINATED_COMPLETED_OK && !request->note)
        request->note = "the client went away";
    us = worker_clock_us() - request->begun_us;
    if (request->reply.status) {
        metrics_request(worker->metrics, request->operation, request->reply.status, us);
        log_request(request, us);
    }
    request->peer->request = NULL;
    connection_enter(request->peer, CONNECTION_IDLE);
    *request_place = request_free(request);
}
