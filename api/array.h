/* array.h — PostgreSQL array literals. */
#ifndef WHISTLED_ARRAY_H
#define WHISTLED_ARRAY_H

#include "arena.h"

/* {"a","b"}: quoted so that every text survives. NULL when memory is out. */
const char *array_literal(struct arena *arena, const char *const *items, size_t n);

#endif
