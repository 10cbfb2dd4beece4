/* reply.h — just enough of HTTP/1.1 to read the replies of a service under test. */
#ifndef REPLY_H
#define REPLY_H

#include <stdbool.h>
#include <stddef.h>

struct http_reply {
    int status;
    const char *headers;
    size_t headers_size;
    char *body;
    size_t body_size;
    size_t size; /* all of it, as it came */
    bool close;
};

/* 1: whole; 0: more is to come; -1: not HTTP. A chunked body is put together in place. */
int reply_parse(char *data, size_t size, struct http_reply *ret);

/* The value of a header, or NULL. */
const char *reply_header(const struct http_reply *reply, const char *name, size_t *ret_size);

/* What follows `prefix` in the body, up to the next quote; NULL: it is not there. */
const char *reply_text(const struct http_reply *reply, const char *prefix, size_t *ret_size);

#endif
