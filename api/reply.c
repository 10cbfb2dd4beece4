/* reply.c — a filled reply becomes a response: the one place that writes headers. */
#include "reply.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <zlib.h>

#include "cors.h"
#include "negotiate.h"
#include "worker.h"

enum { GZIP_LEAST = 1024, GZIP_WINDOW = 15 + 16, GZIP_MEMORY = 8 };

static void add(struct MHD_Response *response, const char *name, const char *value)
{
    if (value)
        MHD_add_response_header(response, name, value);
}

/* Replaces the body when that makes it smaller. */
static bool pack(struct buffer *body)
{
    z_stream stream = {.next_in = (unsigned char *)body->data, .avail_in = (unsigned)body->size};
    struct buffer packed = {.size = 0};
    int r;

    if (deflateInit2(&stream, 1, Z_DEFLATED, GZIP_WINDOW, GZIP_MEMORY, Z_DEFAULT_STRATEGY) != Z_OK)
        return false;
    packed.data = malloc(body->size);
    stream.next_out = (unsigned char *)packed.data;
    stream.avail_out = packed.data ? (unsigned)body->size : 0;
    r = packed.data ? deflate(&stream, Z_FINISH) : Z_MEM_ERROR;
    packed.size = packed.capacity = stream.total_out;
    deflateEnd(&stream);
    if (r != Z_STREAM_END) {
        free(packed.data);
        return false;
    }
    buffer_free(body);
    *body = packed;
    return true;
}

static bool is_text(const char *content_type)
{
    return content_type &&
           (strstr(content_type, "json") || strstr(content_type, "text/") || strstr(content_type, "javascript") ||
            strstr(content_type, "xml") || strstr(content_type, "svg"));
}

static bool is_not_modified(const struct request *request)
{
    const struct reply *reply = &request->reply;
    const char *if_none_match = request->headers.values[HEADER_IF_NONE_MATCH];

    return reply->status == 200 && reply->etag && request->operation && !request->operation->personal &&
           negotiate_none_match(if_none_match, reply->etag);
}

static struct MHD_Response *make(struct request *request)
{
    struct reply *reply = &request->reply;
    struct MHD_Response *response = reply->response;
    bool packed = false;

    /* The body stays in the response: libmicrohttpd leaves it out, and tells its right length. */
    if (is_not_modified(request))
        reply->status = 304;
    if (!response) {
        if (reply->status != 304 && reply->body.size >= GZIP_LEAST && is_text(reply->content_type))
            packed = negotiate_gzip(request->headers.values[HEADER_ACCEPT_ENCODING]) && pack(&reply->body);
        response = MHD_create_response_from_buffer(reply->body.size, reply->body.data, MHD_RESPMEM_MUST_FREE);
        if (response)
            reply->body = (struct buffer){.size = 0};
    }
    reply->response = NULL;
    if (response && packed)
        add(response, "Content-Encoding", "gzip");
    return response;
}

static const char *cache_control(const struct request *request)
{
    const struct operation *operation = request->operation;
    bool good = request->reply.status < 400;

    if (!good || !operation || operation->personal || !request->reply.etag)
        return "no-store";
    /* Always asked again, with If-None-Match: a 304 costs little, a stale catalogue much. */
    return operation->is_public ? "public, no-cache" : "private, no-cache";
}

/* Contents and headers that belong to a page, not to data. */
static void add_page_headers(struct MHD_Response *response, const struct reply *reply)
{
    if (!reply->content_type || strncmp(reply->content_type, "text/html", 9) != 0)
        return;
    add(response, "Content-Security-Policy",
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        "font-src 'self' data:; connect-src 'self'; worker-src 'self' blob:; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'");
    add(response, "Referrer-Policy", "no-referrer");
}

static void add_reply_headers(struct MHD_Response *response, const struct request *request)
{
    const struct reply *reply = &request->reply;
    char seconds[16];

    /* A response without body has no type; libmicrohttpd writes its length by itself. */
    if (reply->status != 204 && reply->status != 304)
        add(response, "Content-Type", reply->content_type);
    add(response, "ETag", reply->etag);
    add(response, "Location", reply->location);
    add(response, "Link", reply->link);
    add(response, "Preference-Applied", reply->preference_applied);
    add(response, "Allow", reply->allow);
    add(response, "WWW-Authenticate", reply->www_authenticate);
    add(response, "Idempotent-Replayed", reply->replayed ? "true" : NULL);
    snprintf(seconds, sizeof seconds, "%u", reply->retry_after_s);
    add(response, "Retry-After", reply->retry_after_s ? seconds : NULL);
    if (reply->code)
        add(response, "Content-Language", request->lang == LANG_EN ? "en" : "zh-CN");
}

/* Open311 is there for pages of every origin: nothing of it depends on a cookie or a header that a browser adds. */
static void add_cors(struct MHD_Response *response, const struct request *request, const char *origin)
{
    const char *methods = request->headers.values[HEADER_CORS_METHOD] ? request->reply.allow : NULL;

    if (cors_allows(request->worker->service->config->cors_origins, origin))
        cors_add(response, origin, methods);
    else if (request->manner == MANNER_OPEN311)
        cors_add(response, "*", methods);
}

static void add_common_headers(struct MHD_Response *response, const struct request *request)
{
    const char *origin = request->headers.values[HEADER_ORIGIN];

    add(response, "X-Request-Id", request->id);
    if (!MHD_get_response_header(response, "Cache-Control"))
        add(response, "Cache-Control", cache_control(request));
    add(response, "Vary", "Accept, Accept-Encoding, Accept-Language, Authorization, Origin");
    add(response, "X-Content-Type-Options", "nosniff");
    if (request->operation) {
        add(response, "Deprecation", request->operation->deprecation);
        add(response, "Sunset", request->operation->sunset);
        add(response, "Link", request->operation->deprecation_link);
    }
    if (request->manner == MANNER_OAUTH)
        add(response, "Pragma", "no-cache"); /* RFC 6749, 5.1 */
    add_cors(response, request, origin);
    if (request->reply.close || atomic_load_explicit(&request->worker->service->draining, memory_order_relaxed))
        add(response, "Connection", "close");
}

/* Memory is out: a response without a body needs none of ours. */
static enum MHD_Result send_bare(struct request *request)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(0, (void *)"", MHD_RESPMEM_PERSISTENT);
    enum MHD_Result sent = MHD_NO;

    request->reply.status = 503;
    if (response) {
        add(response, "Retry-After", "1");
        add(response, "Connection", "close");
        sent = MHD_queue_response(request->connection, 503, response);
        MHD_destroy_response(response);
    }
    return sent;
}

enum MHD_Result reply_send(struct request *request)
{
    struct MHD_Response *response;
    enum MHD_Result sent;

    if (request->reply.body.failed)
        return send_bare(request);
    response = make(request);
    if (!response)
        return send_bare(request);
    add_reply_headers(response, request);
    add_page_headers(response, &request->reply);
    add_common_headers(response, request);
    sent = MHD_queue_response(request->connection, (unsigned)request->reply.status, response);
    MHD_destroy_response(response);
    return sent;
}

static void add_line(struct buffer *out, const char *name, const char *value)
{
    buffer_add_text(out, name);
    buffer_add_text(out, ": ");
    buffer_add_text(out, value);
    buffer_add_text(out, "\r\n");
}

void reply_send_raw(struct request *request, int fd)
{
    const struct reply *reply = &request->reply;
    struct buffer out = {.size = 0};
    char line[64];

    snprintf(line, sizeof line, "HTTP/1.1 %d %s\r\n", reply->status,
             MHD_get_reason_phrase_for((unsigned)reply->status));
    buffer_add_text(&out, line);
    add_line(&out, "Content-Type", reply->content_type);
    snprintf(line, sizeof line, "%zu", reply->body.size);
    add_line(&out, "Content-Length", line);
    add_line(&out, "X-Request-Id", request->id);
    add_line(&out, "Cache-Control", "no-store");
    add_line(&out, "Content-Language", request->lang == LANG_EN ? "en" : "zh-CN");
    add_line(&out, "Connection", "close");
    buffer_add_text(&out, "\r\n");
    buffer_add(&out, reply->body.data, reply->body.size);
    /* It fits into an empty socket buffer; a client that left no room for it has not read for long. */
    if (!out.failed)
        (void)!send(fd, out.data, out.size, MSG_DONTWAIT | MSG_NOSIGNAL);
    buffer_free(&out);
}

static enum MHD_Result write_line(void *cls, enum MHD_ValueKind kind, const char *name, const char *value)
{
    (void)kind;
    add_line(cls, name, value);
    return MHD_YES;
}

static void add_date(struct buffer *out)
{
    time_t now = time(NULL);
    struct tm parts;
    char text[40];

    /* The service never sets a locale: names are English. */
    if (gmtime_r(&now, &parts) && strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts))
        add_line(out, "Date", text);
}

void reply_head(struct request *request, struct buffer *out)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(0, (void *)"", MHD_RESPMEM_PERSISTENT);
    char line[64];

    if (!response) {
        out->failed = true;
        return;
    }
    add_reply_headers(response, request);
    add_common_headers(response, request);
    snprintf(line, sizeof line, "HTTP/1.1 %d %s\r\n", request->reply.status,
             MHD_get_reason_phrase_for((unsigned)request->reply.status));
    buffer_add_text(out, line);
    add_date(out);
    MHD_get_response_headers(response, write_line, out);
    /* For nginx, which would keep everything until the end. */
    add_line(out, "X-Accel-Buffering", "no");
    buffer_add_text(out, "\r\n");
    MHD_destroy_response(response);
}
