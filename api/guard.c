/* guard.c — what a well-formed request is: its target and its headers. */
#include "guard.h"

#include <string.h>
#include <strings.h>

#include "text.h"

enum {
    MAX_LENGTH_DIGITS = 18,
    PART_BYTES = 64, /* that libmicrohttpd keeps of a header or a part of the query, beside its text */
};

/* LIST: may be sent in several lines. ONCE: a second line is a fault, for two readers could each take another. */
enum repetition { ONCE, LIST };

static const struct {
    const char *name;
    enum repetition repetition;
} known[N_HEADERS] = {
    [HEADER_ACCEPT] = {"Accept", LIST},
    [HEADER_ACCEPT_ENCODING] = {"Accept-Encoding", LIST},
    [HEADER_ACCEPT_LANGUAGE] = {"Accept-Language", LIST},
    [HEADER_AUTHORIZATION] = {"Authorization", ONCE},
    [HEADER_CONNECTION] = {"Connection", LIST},
    [HEADER_CONTENT_ENCODING] = {"Content-Encoding", LIST},
    [HEADER_CONTENT_LENGTH] = {"Content-Length", ONCE},
    [HEADER_CONTENT_TYPE] = {"Content-Type", ONCE},
    [HEADER_CORS_HEADERS] = {"Access-Control-Request-Headers", LIST},
    [HEADER_CORS_METHOD] = {"Access-Control-Request-Method", ONCE},
    [HEADER_EXPECT] = {"Expect", LIST},
    [HEADER_HOST] = {"Host", ONCE},
    [HEADER_IDEMPOTENCY_KEY] = {"Idempotency-Key", ONCE},
    [HEADER_IF_MATCH] = {"If-Match", LIST},
    [HEADER_IF_NONE_MATCH] = {"If-None-Match", LIST},
    [HEADER_LAST_EVENT_ID] = {"Last-Event-ID", ONCE},
    [HEADER_ORIGIN] = {"Origin", ONCE},
    [HEADER_PREFER] = {"Prefer", LIST},
    [HEADER_RANGE] = {"Range", ONCE},
    [HEADER_TRACEPARENT] = {"traceparent", ONCE},
    [HEADER_TRANSFER_ENCODING] = {"Transfer-Encoding", ONCE},
    [HEADER_WHISTLED_NOW] = {"Whistled-Now", ONCE},
    [HEADER_X_REQUEST_ID] = {"X-Request-Id", ONCE},
};

int guard_header_index(const char *name)
{
    for (int i = 0; i < N_HEADERS; i++)
        if (!strcasecmp(known[i].name, name))
            return i;
    return -1;
}

static int find_known(const char *name, size_t size)
{
    for (int i = 0; i < N_HEADERS; i++)
        if (text_equal(name, size, known[i].name))
            return i;
    return -1;
}

/* Visible characters, blanks, tabs and bytes above ASCII; nothing that ends a line or a string for somebody. */
static bool is_value(const char *value, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)value[i];

        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}

static void fail(struct headers *headers, const char *code)
{
    if (!headers->fault)
        headers->fault = code;
}

static void keep(struct headers *headers, struct arena *arena, int index, const char *value, size_t size)
{
    const char **place = &headers->values[index];

    if (headers->counts[index]++ && known[index].repetition == ONCE) {
        fail(headers, index == HEADER_CONTENT_LENGTH || index == HEADER_TRANSFER_ENCODING ? "bad_framing"
                      : index == HEADER_HOST                                              ? "bad_host"
                                                                                          : "bad_header");
        return;
    }
    if (*place)
        *place = arena_printf(arena, "%s, %.*s", *place, (int)size, value);
    else if (index == HEADER_AUTHORIZATION && !value[size])
        *place = value;
    else
        *place = arena_strndup(arena, value, size);
    if (!*place)
        fail(headers, "headers_too_large");
}

void guard_header(struct headers *headers, struct arena *arena, const char *name, size_t name_size, const char *value,
                  size_t value_size)
{
    int index = find_known(name, name_size);

    headers->n++;
    headers->bytes += name_size + value_size + 4;
    if (headers->n > MAX_HEADERS || headers->bytes > MAX_HEADER_BYTES) {
        fail(headers, "headers_too_large");
        return;
    }
    if (!text_is_token(name, name_size) || !is_value(value, value_size)) {
        fail(headers, "bad_header");
        return;
    }
    text_trim(&value, &value_size);
    if (index >= 0)
        keep(headers, arena, index, value, value_size);
}

void guard_neighbours(struct headers *headers, const char *name, size_t name_size, const char *value, size_t value_size)
{
    const char *end = value + value_size;
    bool fine = value > name + name_size && value - (name + name_size) <= MAX_HEADER_BYTES;

    /* CR and LF became NULs; the empty line behind the last header makes end[1] readable. */
    fine = fine && (!headers->end || name == headers->end + 2) && !end[0] && !end[1];
    headers->end = end;
    if (!fine)
        fail(headers, "bad_header");
}

/* host[:port]: an address in brackets, or letters, digits and -._~ and escapes. */
static bool is_host(const char *host)
{
    const char *end = host;

    if (*host == '[') {
        end = host + 1 + strspn(host + 1, "0123456789abcdefABCDEF:.");
        if (*end++ != ']')
            return false;
    } else {
        while (*end && *end != ':' && ((unsigned char)*end < 0x80) && (text_is_token(end, 1) || strchr("(),;=", *end)))
            end++;
    }
    if (end == host)
        return false;
    if (*end == ':')
        end += 1 + strspn(end + 1, "0123456789");
    return !*end;
}

static const char *check_host(const struct headers *headers, bool must)
{
    const char *host = headers->values[HEADER_HOST];

    if (!host)
        return must ? "bad_host" : NULL;
    return is_host(host) ? NULL : "bad_host";
}

bool guard_is_length(const char *text)
{
    return *text && strlen(text) <= MAX_LENGTH_DIGITS && !text[strspn(text, "0123456789")];
}

static const char *read_length(const char *text, uint64_t *ret_length)
{
    uint64_t length = 0;

    if (!guard_is_length(text))
        return "bad_framing";
    for (; *text; text++)
        length = length * 10 + (uint64_t)(*text - '0');
    *ret_length = length;
    return NULL;
}

static const char *check_length(const struct headers *headers, bool old, struct framing *ret_framing)
{
    const char *coding = headers->values[HEADER_TRANSFER_ENCODING];
    const char *length = headers->values[HEADER_CONTENT_LENGTH];

    if (coding) {
        /* Both at once is how requests are smuggled; HTTP/1.0 knows no chunks. */
        if (length || old || strcasecmp(coding, "chunked") != 0)
            return "bad_framing";
        ret_framing->chunked = ret_framing->has_body = true;
    }
    if (length) {
        const char *code = read_length(length, &ret_framing->length);

        if (code)
            return code;
        ret_framing->has_body = ret_framing->length > 0;
    }
    return NULL;
}

const char *guard_framing(const struct headers *headers, const char *version, struct framing *ret_framing)
{
    bool old = !strcmp(version, "HTTP/1.0");
    const char *code = headers->fault;

    *ret_framing = (struct framing){.length = 0};
    /* HTTP/1.2 would be read as 1.1 (RFC 9110, 2.5). */
    if (!code && !old && strncmp(version, "HTTP/1.", 7) != 0)
        code = "http_version";
    if (!code)
        code = check_host(headers, /* must= */ !old);
    if (!code)
        code = check_length(headers, old, ret_framing);
    if (!code && headers->values[HEADER_EXPECT] && strcasecmp(headers->values[HEADER_EXPECT], "100-continue") != 0)
        code = "expectation_failed";
    return code;
}

const char *guard_decode(struct arena *arena, const char *raw, size_t size, bool plus_is_blank)
{
    char *text = arena_strndup(arena, raw, size);
    size_t length = 0;

    if (!text)
        return NULL;
    for (size_t i = 0; i < size; i++) {
        char c = raw[i];

        if (c == '%') {
            int high = i + 2 < size ? text_hex_digit(raw[i + 1]) : -1;
            int low = i + 2 < size ? text_hex_digit(raw[i + 2]) : -1;

            if (high < 0 || low < 0)
                return NULL;
            c = (char)(high << 4 | low);
            i += 2;
        } else if (c == '+' && plus_is_blank) {
            c = ' ';
        }
        text[length++] = c;
    }
    text[length] = '\0';
    return text_is_utf8(text, length) ? text : NULL;
}

static const char *split_path(struct arena *arena, struct target *target)
{
    const char *rest = target->path;

    while (*rest == '/') {
        size_t size = strcspn(++rest, "/");
        const char *segment = guard_decode(arena, rest, size, /* plus_is_blank= */ false);

        if (!segment || !is_value(segment, strlen(segment)) || !strcmp(segment, ".") || !strcmp(segment, ".."))
            return "bad_target";
        if (!size && rest[size] == '/')
            return "bad_target";
        /* Deeper than any path of ours: what is cut off here could not have led to a route. */
        if (target->n_segments == MAX_SEGMENTS)
            return NULL;
        target->segments[target->n_segments++] = segment;
        rest += size;
    }
    return NULL;
}

static const char *split_query(struct arena *arena, struct target *target)
{
    const char *rest = target->query;
    size_t most = 1;

    for (const char *c = rest; *c && most < MAX_QUERY; c++)
        most += *c == '&';
    target->names = arena_alloc(arena, most * sizeof *target->names);
    target->values = arena_alloc(arena, most * sizeof *target->values);
    if (!target->names || !target->values)
        return "bad_target";
    while (*rest) {
        size_t size = strcspn(rest, "&");
        const char *equals = memchr(rest, '=', size);
        size_t name_size = equals ? (size_t)(equals - rest) : size;
        size_t value_size = equals ? size - name_size - 1 : 0;
        const char *name = guard_decode(arena, rest, name_size, /* plus_is_blank= */ true);
        const char *value = guard_decode(arena, equals ? equals + 1 : "", value_size, /* plus_is_blank= */ true);

        if (!name || !value || target->n_query == most)
            return "bad_target";
        if (size) {
            target->names[target->n_query] = name;
            target->values[target->n_query++] = value;
        }
        rest += size + (rest[size] == '&');
    }
    return NULL;
}

size_t guard_query_parts(const char *raw)
{
    const char *mark = strchr(raw, '?');
    size_t n = mark != NULL;

    for (const char *c = mark ? mark : ""; *c; c++)
        n += *c == '&';
    return n;
}

const char *guard_head(const struct headers *headers, const char *raw_target)
{
    size_t parts = headers->n + guard_query_parts(raw_target);

    return headers->bytes + 2 * strlen(raw_target) + parts * PART_BYTES > MAX_HEAD ? "headers_too_large" : NULL;
}

/* Absolute form must be understood by every server; its authority is not ours to judge, Host was. */
static const char *strip_authority(const char *raw)
{
    size_t scheme = !strncasecmp(raw, "http://", 7) ? 7 : !strncasecmp(raw, "https://", 8) ? 8 : 0;

    if (!scheme || !raw[scheme] || raw[scheme] == '/')
        return raw;
    raw += scheme;
    raw += strcspn(raw, "/?");
    return *raw == '/' ? raw : "/";
}

static bool is_clean(const char *raw)
{
    for (const char *c = raw; *c; c++)
        if ((unsigned char)*c <= 0x20 || *c == 0x7f || *c == '#' || *c == '\\')
            return false;
    return true;
}

const char *guard_target(struct arena *arena, const char *raw, struct target *ret_target)
{
    const char *mark;
    const char *code;

    *ret_target = (struct target){.path = "", .query = ""};
    if (strlen(raw) > MAX_TARGET_BYTES)
        return "uri_too_long";
    if (!strcmp(raw, "*")) {
        ret_target->asterisk = true;
        return NULL;
    }
    raw = strip_authority(raw);
    if (raw[0] != '/' || !is_clean(raw))
        return "bad_target";
    mark = strchr(raw, '?');
    ret_target->path = arena_strndup(arena, raw, mark ? (size_t)(mark - raw) : strlen(raw));
    ret_target->query = mark ? arena_strdup(arena, mark + 1) : "";
    if (!ret_target->path || !ret_target->query)
        return "bad_target";
    code = split_path(arena, ret_target);
    if (!code && *ret_target->query)
        code = split_query(arena, ret_target);
    return code;
}
