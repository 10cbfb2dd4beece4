/* bind.h — a statement's arguments, by name, from the request. */
#ifndef WHISTLED_BIND_H
#define WHISTLED_BIND_H

#include "request.h"

/* Values in the arena, as text, NULL for SQL NULL. Returns 0 or -ENOMEM. */
int bind_arguments(struct request *request, const struct statement *statement, const char ***ret_values);

/* What an Idempotency-Key remembers of a request: a SHA-256 in hex, or NULL when memory is out. `if_match` may be NULL.
 */
const char *bind_fingerprint(struct arena *arena, const char *method, const char *path, const char *if_match,
                             const void *body, size_t body_size);

/* A declared parameter's text, or its default, or NULL: of a path, query or header parameter. The first, when repeated.
 */
const char *bind_parameter(const struct request *request, const struct parameter *parameter);

#endif
