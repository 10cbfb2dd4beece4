/* negotiate.h — what the client would like: Accept, Accept-Language, Accept-Encoding, Prefer, and what it sends. */
#ifndef WHISTLED_NEGOTIATE_H
#define WHISTLED_NEGOTIATE_H

#include <stdbool.h>

#include "request.h"

enum { MAX_WAIT_S = 25 };

/* All take the header's value or NULL for an absent one. */
bool negotiate_accepts(const char *accept, const char *type, const char *subtype);
/* Which of these is liked best, the first among equals; -1: none. */
struct media {
    const char *type, *subtype;
};
int negotiate_best(const char *accept, const struct media *media, size_t n);
enum language negotiate_language(const char *accept_language);
bool negotiate_gzip(const char *accept_encoding);
/* Seconds of `wait=`, at most MAX_WAIT_S; 0 when not asked or not understood: a preference is never an error. */
unsigned negotiate_wait(const char *prefer);
/* application/json, with charset=utf-8 or none. */
bool negotiate_is_json(const char *content_type);
/* If-None-Match against the reply's own tag (with quotes): weak comparison. */
bool negotiate_none_match(const char *if_none_match, const char *etag);

#endif
