/* cors.h — which web pages of other origins may call: the configured list, and nobody else. */
#ifndef WHISTLED_CORS_H
#define WHISTLED_CORS_H

#include <microhttpd.h>
#include <stdbool.h>

/* `allowed` is a comma list; "*" in it allows everybody (no credentials are ever allowed: tokens are sent by hand). */
bool cors_allows(const char *allowed, const char *origin);
/* Adds what a page may read, and for a preflight what it may send. */
void cors_add(struct MHD_Response *response, const char *origin, const char *preflight_methods);

#endif
