/* answer.c — a statement's rows become the reply. */
#include "answer.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cursor.h"
#include "encode_xml.h"
#include "etag.h"
#include "names.h"
#include "problem.h"
#include "row.h"
#include "worker.h"

enum { MAX_TOTAL = 10000, NAMES_REST_MS = 1000 };

/* Binary columns: texts come as they are, integers and flags in network order. -1: the statement has no such column. */
static const char *text_at(const PGresult *result, int row, int column)
{
    return row_value(result, row, column).data;
}

static int64_t integer_at(const PGresult *result, int row, int column, int64_t fallback)
{
    struct value value = row_value(result, row, column);
    uint64_t number = 0;

    if (!value.data)
        return fallback;
    for (size_t i = 0; i < value.size; i++)
        number = number << 8 | (unsigned char)value.data[i];
    return (int64_t)number;
}

static bool flag_at(const PGresult *result, int row, int column, bool fallback)
{
    const char *bytes = text_at(result, row, column);

    return bytes ? bytes[0] != 0 : fallback;
}

const char *answer_text(const PGresult *result, int row, const char *column)
{
    return text_at(result, row, PQfnumber(result, column));
}

int64_t answer_integer(const PGresult *result, int row, const char *column, int64_t fallback)
{
    return integer_at(result, row, PQfnumber(result, column), fallback);
}

bool answer_flag(const PGresult *result, int row, const char *column)
{
    return flag_at(result, row, PQfnumber(result, column), false);
}

static struct refusal refusal_at(const PGresult *result, int row, int code, int pointer, int detail)
{
    struct value text = row_value(result, row, detail);
    /* jsonb has its version, one byte, in front. */
    bool versioned = text.size && text.type == PG_JSONB;

    return (struct refusal){
        .code = text_at(result, row, code),
        .pointer = text_at(result, row, pointer),
        .detail = text.data ? text.data + versioned : NULL,
        .detail_size = text.size - versioned,
    };
}

bool answer_refusal(const PGresult *result, int row, struct refusal *ret_refusal)
{
    *ret_refusal = refusal_at(result, row, PQfnumber(result, "_code"), PQfnumber(result, "_pointer"),
                              PQfnumber(result, "_detail"));
    return ret_refusal->code;
}

const char *answer_code(const PGresult *result)
{
    return PQntuples(result) ? answer_text(result, 0, "_code") : NULL;
}

static const struct binding *binding_of(const struct request *request)
{
    return request->worker->service->bindings[request->operation->index];
}

bool answer_refuses(const struct request *request, const PGresult *result)
{
    return PQntuples(result) && text_at(result, 0, binding_of(request)->code);
}

bool answer_replays(const struct request *request, const PGresult *result)
{
    return PQntuples(result) && flag_at(result, 0, binding_of(request)->replayed, false);
}

static void refuse(struct request *request, const struct binding *binding, const PGresult *result)
{
    struct refusal refusal = refusal_at(result, 0, binding->code, binding->pointer, binding->detail);

    problem_fill(request, refusal.code, refusal.detail, refusal.detail_size, refusal.pointer);
}

static void refuse_internal(struct request *request, const char *note)
{
    request->note = note;
    problem_fill(request, "internal", /* detail= */ NULL, 0, /* pointer= */ NULL);
}

struct encoding answer_encoding(const struct request *request, const PGresult *result)
{
    const struct worker *worker = request->worker;
    const struct binding *binding = binding_of(request);

    return (struct encoding){
        .zone = worker->zone,
        .offers = worker->service->offers,
        .street = binding->has_names ? names_of(worker->names, request->actor->tenant) : NULL,
        .masked = flag_at(result, 0, binding->masked, false),
        .keys_do = request->named,
    };
}

/* What is written into the street's rows by hand has no edition: its keys are looked for anew, but not all the time. */
bool answer_wants_names(const struct request *request, int r)
{
    const struct street *street = names_of(request->worker->names, request->actor->tenant);

    return r == -ENOKEY && (!street || request->worker->now_ms > street_learnt_ms(street) + NAMES_REST_MS);
}

/* Rows by `encode`; where a key has no name and asking for it would not help, once more with the key itself. */
static int encode_all(struct request *request, const struct binding *binding, const PGresult *result,
                      int (*encode)(struct request *request, const struct binding *binding, const PGresult *result,
                                    const struct encoding *encoding, void *context),
                      void *context)
{
    struct encoding encoding = answer_encoding(request, result);
    int r = encode(request, binding, result, &encoding, context);

    if (r != -ENOKEY || answer_wants_names(request, r))
        return r;
    encoding.keys_do = true;
    return encode(request, binding, result, &encoding, context);
}

/* Where the path says in what form, the type says its encoding too: both as GeoReport v2 writes them. */
static const char *content_type_of(const struct request *request)
{
    if (!request->suffix)
        return "application/json";
    return request->xml ? "text/xml; charset=utf-8" : "application/json; charset=utf-8";
}

static int add_row(struct request *request, const struct binding *binding, const PGresult *result, int row,
                   const struct encoding *encoding, const struct xml_element *element)
{
    struct buffer *body = &request->reply.body;

    return request->xml ? encode_xml_row(binding, result, row, encoding, element->name, body)
                        : encode_row(binding, result, row, encoding, body);
}

static int encode_object(struct request *request, const struct binding *binding, const PGresult *result,
                         const struct encoding *encoding, void *context)
{
    (void)context;
    request->reply.body.size = 0;
    if (request->xml)
        buffer_add_text(&request->reply.body, XML_DECLARATION);
    return add_row(request, binding, result, 0, encoding, request->operation->encoder->element);
}

static enum answered fill_object(struct request *request, const struct binding *binding, const PGresult *result)
{
    struct reply *reply = &request->reply;
    const char *location = text_at(result, 0, binding->location);
    int r;

    reply->status = request->operation->status;
    reply->content_type = content_type_of(request);
    reply->replayed = answer_replays(request, result);
    reply->location = location ? arena_strdup(request->arena, location) : NULL;
    if (!request->operation->encoder)
        return ANSWER_FULL;
    r = encode_all(request, binding, result, encode_object, /* context= */ NULL);
    if (r == -ENOKEY)
        return ANSWER_WANTS_NAMES;
    if (r) {
        refuse_internal(request, "a row does not fit its reply schema");
        return ANSWER_FULL;
    }
    if (binding->version >= 0)
        reply->etag =
            etag_make(request->arena, integer_at(result, 0, binding->version, 0), reply->body.data, reply->body.size);
    else if (!request->operation->personal)
        reply->etag = etag_make(request->arena, /* version= */ -1, reply->body.data, reply->body.size);
    return ANSWER_FULL;
}

static enum answered answer_object(struct request *request, const struct binding *binding, const PGresult *result)
{
    if (!PQntuples(result))
        problem_fill(request, "not_found", /* detail= */ NULL, 0, /* pointer= */ NULL);
    else if (text_at(result, 0, binding->code))
        refuse(request, binding, result);
    else
        return fill_object(request, binding, result);
    return ANSWER_FULL;
}

/* A list while it is written: one pass over the rows. */
struct page {
    unsigned shown;
    bool more;           /* a row beyond the page */
    const char *last;    /* cursor of the last shown */
    const char *resting; /* cursor of a row that is no item: where a feed stands when nothing is new */
    int64_t total;       /* -1: not counted */
};

static int add_rows(struct request *request, const struct binding *binding, const PGresult *result,
                    const struct encoding *encoding, void *context)
{
    struct buffer *body = &request->reply.body;
    struct page *page = context;
    int r = 0;

    *page = (struct page){.total = -1};
    body->size = 0;
    buffer_add_text(body, "{\"items\":[");
    for (int row = 0; row < PQntuples(result) && !r; row++) {
        const char *cursor = text_at(result, row, binding->cursor);

        page->total = integer_at(result, row, binding->total, page->total);
        if (!flag_at(result, row, binding->item, true)) {
            page->resting = cursor;
            continue;
        }
        page->more = page->shown == request->limit;
        if (page->more)
            continue;
        if (page->shown++)
            buffer_add_text(body, ",");
        r = encode_row(binding, result, row, encoding, body);
        page->last = cursor;
    }
    return r;
}

/* As it was sent, but for what may not stand inside the angle brackets of a Link header. */
static void add_escaped(struct buffer *link, const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)text[i];
        char escape[4];

        snprintf(escape, sizeof escape, "%%%02X", c);
        if (c <= 0x20 || c >= 0x7f || c == '<' || c == '>' || c == '"')
            buffer_add_text(link, escape);
        else
            buffer_add(link, text + i, 1);
    }
}

/* The same address with another cursor, for the Link header. */
static const char *next_link(struct request *request, const char *cursor)
{
    struct buffer link = {.size = 0};
    const char *rest = request->parts.query;
    const char *text;
    char separator = '?';

    buffer_add_text(&link, "<");
    add_escaped(&link, request->parts.path, strlen(request->parts.path));
    for (size_t size; *rest; rest += size + (rest[size] == '&')) {
        size = strcspn(rest, "&");
        if (!size || !strncmp(rest, "cursor=", 7))
            continue;
        buffer_add(&link, &separator, 1);
        add_escaped(&link, rest, size);
        separator = '&';
    }
    buffer_add(&link, &separator, 1);
    buffer_add_text(&link, "cursor=");
    buffer_add_text(&link, cursor);
    buffer_add_text(&link, ">; rel=\"next\"");
    text = link.failed ? NULL : arena_strndup(request->arena, link.data, link.size);
    buffer_free(&link);
    return text;
}

static void add_next(struct request *request, const struct page *page)
{
    struct buffer *body = &request->reply.body;
    struct cursor_scope scope = cursor_scope_of(request);
    const char *payload = page->more ? page->last : page->resting;
    const char *cursor = payload ? cursor_seal(request->arena, &scope, payload) : NULL;

    if (!cursor) {
        buffer_add_text(body, "null");
        return;
    }
    buffer_add_json_string(body, cursor, strlen(cursor));
    request->reply.link = next_link(request, cursor);
}

static void add_total(struct request *request, const struct page *page)
{
    bool capped = page->total > MAX_TOTAL;
    char text[64];

    if (page->total < 0)
        return;
    snprintf(text, sizeof text, ",\"total\":%" PRId64 ",\"total_capped\":%s", capped ? (int64_t)MAX_TOTAL : page->total,
             capped ? "true" : "false");
    buffer_add_text(&request->reply.body, text);
}

static enum answered answer_list(struct request *request, const struct binding *binding, const PGresult *result)
{
    struct reply *reply = &request->reply;
    struct page page;
    int r;

    if (answer_refuses(request, result)) {
        refuse(request, binding, result);
        return ANSWER_FULL;
    }
    reply->status = request->operation->status;
    reply->content_type = "application/json";
    reply->link = NULL;
    r = encode_all(request, binding, result, add_rows, &page);
    if (r == -ENOKEY)
        return ANSWER_WANTS_NAMES;
    if (r) {
        refuse_internal(request, "a row does not fit its reply schema");
        return ANSWER_FULL;
    }
    buffer_add_text(&reply->body, "],\"next_cursor\":");
    add_next(request, &page);
    add_total(request, &page);
    buffer_add_text(&reply->body, "}");
    if (!request->operation->personal)
        reply->etag = etag_make(request->arena, /* version= */ -1, reply->body.data, reply->body.size);
    /* Nobody waits who has not seen all there is. */
    return page.shown || answer_flag(result, 0, "_more") ? ANSWER_FULL : ANSWER_EMPTY_LIST;
}

int64_t answer_edition(const struct request *request, const PGresult *result)
{
    const struct binding *binding = binding_of(request);

    if (!binding->has_names || !PQntuples(result))
        return 0;
    return integer_at(result, 0, binding->names, 0);
}

/* Rows without an edition are a refusal, or none. */
bool answer_has_edition(const struct request *request, const PGresult *result)
{
    int64_t edition = answer_edition(request, result);
    const struct street *street = edition ? names_of(request->worker->names, request->actor->tenant) : NULL;

    return !edition || request->named || (street && street_edition(street) == edition);
}

static int encode_array(struct request *request, const struct binding *binding, const PGresult *result,
                        const struct encoding *encoding, void *context)
{
    const struct xml_element *element = request->operation->encoder->element;
    struct buffer *body = &request->reply.body;
    int r = 0;

    (void)context;
    body->size = 0;
    buffer_add_text(body, request->xml ? XML_DECLARATION : "[");
    if (request->xml)
        xml_open(body, element->name);
    for (int row = 0; row < PQntuples(result) && !r; row++) {
        buffer_add_text(body, row && !request->xml ? "," : "");
        r = add_row(request, binding, result, row, encoding, request->xml ? element->item : NULL);
    }
    if (request->xml)
        xml_close(body, element->name);
    else
        buffer_add_text(body, "]");
    return r;
}

/* A plain array of rows, or their elements inside one. */
static enum answered answer_array(struct request *request, const struct binding *binding, const PGresult *result)
{
    struct reply *reply = &request->reply;
    int r;

    if (answer_refuses(request, result)) {
        refuse(request, binding, result);
        return ANSWER_FULL;
    }
    reply->status = request->operation->status;
    reply->content_type = content_type_of(request);
    reply->replayed = answer_replays(request, result);
    r = encode_all(request, binding, result, encode_array, /* context= */ NULL);
    if (r == -ENOKEY)
        return ANSWER_WANTS_NAMES;
    if (r)
        refuse_internal(request, "a row does not fit its reply schema");
    else if (!request->operation->personal)
        reply->etag = etag_make(request->arena, /* version= */ -1, reply->body.data, reply->body.size);
    return ANSWER_FULL;
}

enum answered answer_fill(struct request *request, const PGresult *result)
{
    const struct operation *operation = request->operation;
    const struct binding *binding = binding_of(request);

    if (!answer_has_edition(request, result))
        return ANSWER_WANTS_NAMES;
    if (operation->encoder && operation->encoder->shape == SHAPE_PAGE)
        return answer_list(request, binding, result);
    if (operation->encoder && operation->encoder->shape == SHAPE_ARRAY)
        return answer_array(request, binding, result);
    return answer_object(request, binding, result);
}
