/* guard.h — what a well-formed request is: its target and its headers, before anything believes them.
 * libmicrohttpd lets through what smuggles requests past proxies; it is refused here. */
#ifndef WHISTLED_GUARD_H
#define WHISTLED_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arena.h"

enum {
    MAX_TARGET_BYTES = 4096,
    MAX_HEADER_BYTES = 8192,
    MAX_HEADERS = 64,
    MAX_SEGMENTS = 12,
    MAX_QUERY = 64,
    /* Of a connection's memory (CONNECTION_MEMORY in worker.c), which must also hold the reply's header: see
     * guard_head.
     */
    MAX_HEAD = 9216,
};

/* A request target taken apart; everything in the arena, decoded and valid UTF-8. */
struct target {
    bool asterisk;     /* OPTIONS * */
    const char *path;  /* as sent, without query */
    const char *query; /* as sent, "" when none */
    const char *segments[MAX_SEGMENTS];
    size_t n_segments;
    const char **names, **values; /* of the query, in order */
    size_t n_query;
};

/* NULL, or a code of errors.def: bad_target, uri_too_long. */
const char *guard_target(struct arena *arena, const char *raw, struct target *ret_target);

/* Parts of the query between ampersands, as libmicrohttpd counts them: it keeps each, and is lost when they do not fit.
 */
size_t guard_query_parts(const char *raw);

/* Takes percent escapes out, into the arena. NULL when an escape is bad, or NUL or what is not UTF-8 comes out. */
const char *guard_decode(struct arena *arena, const char *raw, size_t size, bool plus_is_blank);

/* The headers that the service reads; all others are looked at and forgotten. */
enum header {
    HEADER_ACCEPT,
    HEADER_ACCEPT_ENCODING,
    HEADER_ACCEPT_LANGUAGE,
    HEADER_AUTHORIZATION,
    HEADER_CONNECTION,
    HEADER_CONTENT_ENCODING,
    HEADER_CONTENT_LENGTH,
    HEADER_CONTENT_TYPE,
    HEADER_CORS_HEADERS,
    HEADER_CORS_METHOD,
    HEADER_EXPECT,
    HEADER_HOST,
    HEADER_IDEMPOTENCY_KEY,
    HEADER_IF_MATCH,
    HEADER_IF_NONE_MATCH,
    HEADER_LAST_EVENT_ID,
    HEADER_ORIGIN,
    HEADER_PREFER,
    HEADER_RANGE,
    HEADER_TRACEPARENT,
    HEADER_TRANSFER_ENCODING,
    HEADER_WHISTLED_NOW,
    HEADER_X_REQUEST_ID,
    N_HEADERS,
};

struct headers {
    const char *values[N_HEADERS]; /* trimmed; lists sent in several lines are joined; NULL when absent */
    unsigned counts[N_HEADERS];
    size_t n, bytes;
    const char *fault; /* the first fault's code */
    const char *end;   /* of the line before, in the connection's memory; see guard_neighbours */
};

/* libmicrohttpd 0.9.75 cuts a value at a NUL and glues folded lines together, and neither shows in the value; but it
 * leaves the lines where they were received. So: value and next name must stand where a plain `name: value CR LF` puts
 * them. Only for that version, whose memory looks so; later ones refuse both themselves. To be called before
 * guard_header. */
void guard_neighbours(struct headers *headers, const char *name, size_t name_size, const char *value,
                      size_t value_size);

/* Takes one line. Names and values may lie in the connection's memory; what is kept is copied. But not a token: it is
 * looked at at once and then forgotten, and thousands of them would hang about in waiting requests. */
void guard_header(struct headers *headers, struct arena *arena, const char *name, size_t name_size, const char *value,
                  size_t value_size);

struct framing {
    bool has_body, chunked;
    uint64_t length; /* 0 when chunked */
};

/* After the last line: what only all lines together can say. NULL, or a code: bad_header, bad_host, bad_framing,
 * headers_too_large, http_version, expectation_failed. */
const char *guard_framing(const struct headers *headers, const char *version, struct framing *ret_framing);

/* NULL or headers_too_large: what the request takes of the connection's memory leaves room for a reply, whose Link may
 * repeat the target. */
const char *guard_head(const struct headers *headers, const char *raw_target);

/* Content-Length alone: digits only, and not too many of them. */
bool guard_is_length(const char *text);

/* A header parameter of the contract by its name; -1 when it is none of those above. */
int guard_header_index(const char *name);

#endif
