/* cursor.h — a list's cursor: what the statement put in `_cursor`, sealed so that nobody makes one up or takes it
 * elsewhere. */
#ifndef WHISTLED_CURSOR_H
#define WHISTLED_CURSOR_H

#include "request.h"

/* What a cursor is good for: the same operation, tenant, person and filters, in any order and whatever the page's size.
 */
struct cursor_scope {
    const unsigned char *key; /* CURSOR_KEY_SIZE bytes, the same in every instance */
    const char *operation, *tenant, *subject;
    const char *const *names, *const *values; /* query parameters; cursor, limit and count are left out here */
    size_t n;
};

struct cursor_scope cursor_scope_of(const struct request *request);

/* In the arena; NULL when memory is out. */
const char *cursor_seal(struct arena *arena, const struct cursor_scope *scope, const char *payload);
/* The payload, or NULL when this is no cursor of ours for this scope. */
const char *cursor_open(struct arena *arena, const struct cursor_scope *scope, const char *cursor);

#endif
