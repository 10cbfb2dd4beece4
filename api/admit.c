/* admit.c — all that can be refused before the body is read. */
#include "admit.h"

#include <errno.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "cors.h"
#include "form_upload.h"
#include "negotiate.h"
#include "ops/ops.h"
#include "router.h"
#include "text.h"
#include "worker.h"

enum { DEFAULT_MAX_BODY = 65536, CLIENT_ID_SIZE = 64 };

/* Copies one line; the memory of libmicrohttpd is not looked at again. */
static enum MHD_Result take_header(void *cls, enum MHD_ValueKind kind, const char *name, size_t name_size,
                                   const char *value, size_t value_size)
{
    struct request *request = cls;

    (void)kind;
    if (request->worker->service->library_is_old)
        guard_neighbours(&request->headers, name, name_size, value ? value : "", value_size);
    guard_header(&request->headers, request->arena, name, name_size, value ? value : "", value_size);
    return MHD_YES;
}

static bool is_visible(const char *text)
{
    for (; *text; text++)
        if (*text <= 0x20 || *text >= 0x7f)
            return false;
    return true;
}

/* W3C Trace Context: 00-<32 hex>-<16 hex>-<2 hex>. Anything else is as good as none. */
static const char *trace_of(const char *value)
{
    static const char form[] = "hh-hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh-hhhhhhhhhhhhhhhh-hh";

    if (!value || strlen(value) != sizeof form - 1)
        return NULL;
    for (size_t i = 0; form[i]; i++)
        if (form[i] == '-' ? value[i] != '-' : text_hex_digit(value[i]) < 0)
            return NULL;
    return value;
}

/* What every reply needs, a refusal too. */
static void take_context(struct request *request)
{
    const char *id = request->headers.values[HEADER_X_REQUEST_ID];

    if (id && *id && strlen(id) <= CLIENT_ID_SIZE && is_visible(id))
        memcpy(request->id, id, strlen(id) + 1);
    request->traceparent = trace_of(request->headers.values[HEADER_TRACEPARENT]);
    request->lang = negotiate_language(request->headers.values[HEADER_ACCEPT_LANGUAGE]);
    if (request->worker->service->config->test_clock)
        request->now = request->headers.values[HEADER_WHISTLED_NOW];
}

static const char *check_framing(struct request *request, const char *version)
{
    const char *code = guard_framing(&request->headers, version, &request->framing);

    if (!code)
        code = guard_target(request->arena, request->target, &request->parts);
    if (!code)
        code = guard_head(&request->headers, request->target);
    request->query_names = request->parts.names;
    request->query_values = request->parts.values;
    request->n_query = request->parts.n_query;
    /* Such an address stands in logs and histories; the token in it is burnt. */
    for (size_t i = 0; !code && i < request->n_query; i++)
        if (!strcasecmp(request->query_names[i], "access_token"))
            code = "token_in_query";
    return code;
}

size_t admit_max_body(const struct request *request)
{
    if (!request->operation)
        return DEFAULT_MAX_BODY;
    return form_upload_is_meant(request) ? request->operation->max_upload : request->operation->max_body;
}

/* What the contract lists, whatever parameters stand behind it. */
static bool is_media_type(const struct operation *operation, const char *type)
{
    size_t size = type ? strcspn(type, "; \t") : 0;

    for (size_t i = 0; i < operation->n_media_types; i++)
        if (type && text_equal(type, size, operation->media_types[i]))
            return true;
    return false;
}

/* The type that the operation reads. */
static bool is_wanted(const struct operation *operation, const char *type)
{
    return operation->raw_body || operation->form ? is_media_type(operation, type) : negotiate_is_json(type);
}

static const char *check_body(const struct request *request)
{
    const struct operation *operation = request->operation;
    const char *coding = request->headers.values[HEADER_CONTENT_ENCODING];
    const char *type = request->headers.values[HEADER_CONTENT_TYPE];

    if (request->framing.length > admit_max_body(request))
        return "body_too_large";
    if (!request->framing.has_body || !operation || !(operation->raw_body || operation->body))
        return NULL;
    if (coding && strcasecmp(coding, "identity") != 0)
        return "unsupported_media_type";
    if (!is_wanted(operation, type))
        return "unsupported_media_type";
    return NULL;
}

/* A path that is none of ours, or no path at all, is answered in the manner of the operations under the same first
 * segment. */
static enum manner manner_of(const struct request *request, const char *path)
{
    size_t size = *path == '/' ? strcspn(path + 1, "/?") : 0;

    if (request->operation)
        return request->operation->manner;
    for (size_t i = 0; size && i < contract.n_operations; i++) {
        const struct operation *operation = &contract.operations[i];

        if (!strncmp(operation->path + 1, path + 1, size) && operation->path[1 + size] == '/')
            return operation->manner;
    }
    return MANNER_OWN;
}

/* GeoReport v2: XML is the form that every server has, so it is what a path without a suffix gets its refusal in. */
static void take_manner(struct request *request)
{
    const char *path = request->parts.path ? request->parts.path : request->target;
    size_t size = strcspn(path, "?");

    request->manner = manner_of(request, path);
    request->xml =
        request->manner == MANNER_OPEN311 && (size < strlen(".json") || memcmp(path + size - 5, ".json", 5) != 0);
}

/* In what form the path asks for the reply: its last parameter. */
static void take_suffix(struct request *request)
{
    const struct operation *operation = request->operation;
    const char *last = NULL;

    for (size_t i = 0; i < MAX_PATH_VALUES && request->path_values[i]; i++)
        last = request->path_values[i];
    for (size_t i = 0; operation && last && i < operation->n_suffixes; i++)
        if (!strcmp(operation->suffixes[i].value, last))
            request->suffix = &operation->suffixes[i];
    if (request->suffix)
        request->xml = strstr(request->suffix->media_type, "xml") != NULL;
}

static const char *check_route(struct request *request, enum route route)
{
    if (route == ROUTE_NO_PATH || (route == ROUTE_FOUND && request->operation->n_suffixes && !request->suffix))
        return "no_such_route";
    if (route == ROUTE_NO_METHOD)
        return "method_not_allowed";
    if (request->operation->streams)
        return negotiate_accepts(request->headers.values[HEADER_ACCEPT], "text", "event-stream") ? NULL
                                                                                                 : "not_acceptable";
    if (request->operation->exports)
        return exports_accepted(request) ? NULL : "not_acceptable";
    if (request->operation->encoder && request->manner == MANNER_OWN &&
        !negotiate_accepts(request->headers.values[HEADER_ACCEPT], "application", "json"))
        return "not_acceptable";
    return NULL;
}

static const char *check_token(struct request *request)
{
    const char *header = request->headers.values[HEADER_AUTHORIZATION];
    const struct actor *actor = NULL;
    const char *reason = NULL;
    int r = auth_check(request->worker->auth, header, (int64_t)time(NULL), &actor, &reason);

    if (r && r != -EACCES)
        return "unavailable"; /* that says nothing about the token */
    if (r) {
        if (!header) {
            request->reply.www_authenticate = "Bearer realm=\"whistled\"";
            return "unauthorized";
        }
        request->note = reason;
        request->reply.www_authenticate =
            arena_printf(request->arena, "Bearer realm=\"whistled\", error=\"invalid_token\", error_description=\"%s\"",
                         reason ? reason : "not valid");
        return "invalid_token";
    }
    request->actor = actor_copy(request->arena, actor);
    request->headers.values[HEADER_AUTHORIZATION] = NULL;
    return request->actor ? NULL : "unavailable";
}

bool admit_is_citizen(const struct actor *actor)
{
    for (size_t i = 0; i < contract.n_roles && i < 32; i++)
        if ((actor->roles & 1u << i) && !strcmp(contract.roles[i], "citizen"))
            return true;
    return false;
}

/* A machine is let in by its scopes alone, whatever roles its token has beside; a person by roles alone. The database
 * asks the same once more, of what the client may by now. */
bool admit_lets_in(const struct actor *actor, const struct operation *operation)
{
    uint32_t both = actor->roles & operation->roles;

    return actor->roles & contract.machine ? both & contract.scopes : both & ~contract.scopes;
}

static struct rates *rates_of(const struct worker *worker, const struct actor *actor)
{
    return actor->roles & contract.machine ? worker->client_rates : admit_is_citizen(actor) ? worker->rates : NULL;
}

static const char *check_actor(struct request *request)
{
    const struct operation *operation = request->operation;
    const char *code = operation->is_public || operation->gate ? NULL : check_token(request);
    const struct actor *actor = request->actor;
    struct rates *rates;

    if (code || !actor)
        return code;
    if (!admit_lets_in(actor, operation))
        return "insufficient_role";
    rates = rates_of(request->worker, actor);
    if (rates && !rates_take(rates, actor->tenant, actor->subject, request->worker->now_ms))
        return "rate_limited";
    return NULL;
}

/* Where the statement would be refused, nothing is done for it: under overload that is what leaves time for the rest.
 */
static const char *check_load(struct request *request)
{
    const struct operation *operation = request->operation;
    struct db *db = request->worker->db;

    if (!operation->statement || operation->function || !db || !db_sheds(db, operation->write))
        return NULL;
    request->shed = true;
    return "unavailable";
}

/* OPTIONS is answered for every path that there is, with or without a page of another origin behind it. */
static void answer_options(struct request *request)
{
    request->reply.status = 204;
    request_finish(request);
}

const char *admit(struct request *request, const char *method, const char *version, bool *ret_close)
{
    const char *code;
    enum route route;

    request->method = arena_strdup(request->arena, method);
    MHD_get_connection_values_n(request->connection, MHD_HEADER_KIND, take_header, request);
    take_context(request);
    take_manner(request);
    *ret_close = true;
    code = !request->method ? "unavailable" : text_is_token(method, strlen(method)) ? NULL : "bad_header";
    if (!code)
        code = check_framing(request, version);
    if (code)
        return code;
    *ret_close = false;
    if (request->parts.asterisk && !strcmp(method, "OPTIONS")) {
        request->reply.allow = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";
        answer_options(request);
        return NULL;
    }
    route = router_find(request->worker->service->router, request->arena, method, request->parts.segments,
                        request->parts.n_segments, &request->operation, &request->reply.allow, request->path_values);
    take_manner(request);
    take_suffix(request);
    code = check_body(request);
    if (!code && route == ROUTE_NO_METHOD && !strcmp(method, "OPTIONS")) {
        answer_options(request);
        return NULL;
    }
    if (!code)
        code = check_route(request, route);
    if (route == ROUTE_FOUND)
        request->reply.allow = NULL;
    if (!code)
        code = check_load(request);
    return code ? code : check_actor(request);
}
