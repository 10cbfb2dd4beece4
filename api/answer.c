/* answer.c — a statement's rows become the reply. */
#include "answer.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cursor.h"
#include "etag.h"
#include "problem.h"
#include "worker.h"

enum { MAX_TOTAL = 10000, JSONB_OID = 3802 };

/* Binary columns: texts come as they are, integers and flags in network order. -1: the statement has no such column. */
static const char *text_at(const PGresult *result, int row, int column)
{
    if (column < 0 || PQgetisnull(result, row, column))
        return NULL;
    return PQgetvalue(result, row, column);
}

static int64_t integer_at(const PGresult *result, int row, int column, int64_t fallback)
{
    const unsigned char *bytes = (const unsigned char *)text_at(result, row, column);
    uint64_t value = 0;

    if (!bytes)
        return fallback;
    for (int i = 0; i < PQgetlength(result, row, column); i++)
        value = value << 8 | bytes[i];
    return (int64_t)value;
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

bool answer_refusal(const PGresult *result, int row, struct refusal *ret_refusal)
{
    int detail = PQfnumber(result, "_detail");

    *ret_refusal = (struct refusal){
        .code = answer_text(result, row, "_code"),
        .pointer = answer_text(result, row, "_pointer"),
        .detail = text_at(result, row, detail),
    };
    if (ret_refusal->detail)
        ret_refusal->detail_size = (size_t)PQgetlength(result, row, detail);
    /* jsonb has its version, one byte, in front. */
    if (ret_refusal->detail_size && PQftype(result, detail) == JSONB_OID)
        ret_refusal->detail++, ret_refusal->detail_size--;
    return ret_refusal->code;
}

const char *answer_code(const PGresult *result)
{
    return PQntuples(result) ? answer_text(result, 0, "_code") : NULL;
}

static void refuse(struct request *request, const PGresult *result, int row)
{
    struct refusal refusal;

    (void)answer_refusal(result, row, &refusal);
    problem_fill(request, refusal.code, refusal.detail, refusal.detail_size, refusal.pointer);
}

static void refuse_internal(struct request *request, const char *note)
{
    request->note = note;
    problem_fill(request, "internal", /* detail= */ NULL, 0, /* pointer= */ NULL);
}

static void fill_object(struct request *request, const struct binding *binding, const PGresult *result)
{
    struct reply *reply = &request->reply;
    const char *location = text_at(result, 0, binding->location);

    reply->status = request->operation->status;
    reply->content_type = "application/json";
    reply->replayed = flag_at(result, 0, binding->replayed, false);
    reply->location = location ? arena_strdup(request->arena, location) : NULL;
    if (!request->operation->encoder)
        return;
    if (encode_row(binding, result, 0, request->worker->zone, &reply->body)) {
        refuse_internal(request, "a row does not fit its reply schema");
        return;
    }
    if (binding->version >= 0)
        reply->etag =
            etag_make(request->arena, integer_at(result, 0, binding->version, 0), reply->body.data, reply->body.size);
    else if (!request->operation->personal)
        reply->etag = etag_make(request->arena, /* version= */ -1, reply->body.data, reply->body.size);
}

static void answer_object(struct request *request, const struct binding *binding, const PGresult *result)
{
    if (!PQntuples(result))
        problem_fill(request, "not_found", /* detail= */ NULL, 0, /* pointer= */ NULL);
    else if (text_at(result, 0, binding->code))
        refuse(request, result, 0);
    else
        fill_object(request, binding, result);
}

/* A list while it is written: one pass over the rows. */
struct page {
    unsigned shown;
    bool more;           /* a row beyond the page */
    const char *last;    /* cursor of the last shown */
    const char *resting; /* cursor of a row that is no item: where a feed stands when nothing is new */
    int64_t total;       /* -1: not counted */
};

static int add_rows(struct request *request, const struct binding *binding, const PGresult *result, struct page *page)
{
    struct buffer *body = &request->reply.body;
    int r = 0;

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
        r = encode_row(binding, result, row, request->worker->zone, body);
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
    struct page page = {.total = -1};

    if (PQntuples(result) && text_at(result, 0, binding->code)) {
        refuse(request, result, 0);
        return ANSWER_FULL;
    }
    reply->status = request->operation->status;
    reply->content_type = "application/json";
    reply->body.size = 0;
    reply->link = NULL;
    buffer_add_text(&reply->body, "{\"items\":[");
    if (add_rows(request, binding, result, &page)) {
        refuse_internal(request, "a row does not fit its reply schema");
        return ANSWER_FULL;
    }
    buffer_add_text(&reply->body, "],\"next_cursor\":");
    add_next(request, &page);
    add_total(request, &page);
    buffer_add_text(&reply->body, "}");
    if (!request->operation->personal)
        reply->etag = etag_make(request->arena, /* version= */ -1, reply->body.data, reply->body.size);
    return page.shown ? ANSWER_FULL : ANSWER_EMPTY_LIST;
}

enum answered answer_fill(struct request *request, const PGresult *result)
{
    const struct operation *operation = request->operation;
    const struct binding *binding = request->worker->service->bindings[operation->index];

    if (operation->encoder && operation->encoder->list)
        return answer_list(request, binding, result);
    answer_object(request, binding, result);
    return ANSWER_FULL;
}
