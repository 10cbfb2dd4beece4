/* reply.c — see reply.h. */
#include "reply.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

const char *reply_header(const struct http_reply *reply, const char *name, size_t *ret_size)
{
    const char *at = reply->headers, *end = at + reply->headers_size;
    size_t name_size = strlen(name);

    while (at < end) {
        const char *line_end = memchr(at, '\r', (size_t)(end - at));
        size_t size = (size_t)((line_end ? line_end : end) - at);

        if (size > name_size && at[name_size] == ':' && !strncasecmp(at, name, name_size)) {
            const char *value = at + name_size + 1;

            while (*value == ' ')
                value++;
            *ret_size = size - (size_t)(value - at);
            return value;
        }
        at += size + 2;
    }
    return NULL;
}

/* What follows the prefix, if the text begins with it; blanks between the parts of JSON do not count. */
static const char *behind(const char *text, const char *end, const char *prefix)
{
    for (; text < end && *prefix; text++) {
        if (*text == ' ' && *prefix != ' ')
            continue;
        if (*text != *prefix++)
            return NULL;
    }
    return *prefix ? NULL : text;
}

const char *reply_text(const struct http_reply *reply, const char *prefix, size_t *ret_size)
{
    const char *end = reply->body + reply->body_size, *found = NULL;

    for (const char *at = reply->body; found == NULL && at < end; at++) {
        at = memchr(at, prefix[0], (size_t)(end - at));
        if (at == NULL)
            return NULL;
        found = behind(at, end, prefix);
    }
    if (found == NULL)
        return NULL;
    end = memchr(found, '"', (size_t)(end - found));
    if (end == NULL)
        return NULL;
    *ret_size = (size_t)(end - found);
    return found;
}

/* Puts the chunks together where the body begins, once the last has come. */
static int join_chunks(char *data, size_t size, struct http_reply *reply)
{
    char *from = reply->body, *end = data + size, *to;

    for (;;) { /* first see that all are there: half of them may not be moved */
        char *line_end = memmem(from, (size_t)(end - from), "\r\n", 2);
        size_t chunk;

        if (line_end == NULL)
            return 0;
        chunk = strtoul(from, NULL, 16);
        if ((size_t)(end - line_end) < chunk + 4)
            return 0;
        from = line_end + 2 + chunk + 2;
        if (chunk == 0)
            break;
    }
    reply->size = (size_t)(from - data);
    from = to = reply->body;
    for (size_t chunk; (chunk = strtoul(from, NULL, 16)) != 0;) {
        from = (char *)memmem(from, (size_t)(end - from), "\r\n", 2) + 2;
        memmove(to, from, chunk);
        to += chunk;
        from += chunk + 2;
    }
    reply->body_size = (size_t)(to - reply->body);
    return 1;
}

int reply_parse(char *data, size_t size, struct http_reply *ret)
{
    char *end = memmem(data, size, "\r\n\r\n", 4), *line_end;
    const char *value;
    size_t value_size;

    if (end == NULL)
        return 0;
    if (size < 16 || memcmp(data, "HTTP/1.", 7) != 0)
        return -1;
    line_end = memmem(data, size, "\r\n", 2);
    *ret = (struct http_reply){
        .status = (int)strtol(data + 9, NULL, 10),
        .headers = line_end + 2,
        .headers_size = end > line_end ? (size_t)(end - line_end) - 2 : 0,
        .body = end + 4,
    };
    value = reply_header(ret, "Connection", &value_size);
    ret->close = value != NULL && value_size == 5 && !strncasecmp(value, "close", 5);
    value = reply_header(ret, "Transfer-Encoding", &value_size);
    if (value != NULL)
        return join_chunks(data, size, ret);
    value = reply_header(ret, "Content-Length", &value_size);
    ret->body_size = value != NULL && ret->status != 304 ? strtoul(value, NULL, 10) : 0;
    ret->size = (size_t)(end + 4 - data) + ret->body_size;
    return ret->size <= size;
}
