/* etag.h — entity tags: "<row's version>.<hash of the body>", and what a client sends back in If-Match. */
#ifndef WHISTLED_ETAG_H
#define WHISTLED_ETAG_H

#include <stdint.h>

#include "arena.h"

/* With quotes; `version` below 0: of the body alone. NULL when memory is out. */
const char *etag_make(struct arena *arena, int64_t version, const void *body, size_t size);

/* If-Match as a PostgreSQL array of versions: only the part before the dot counts. NULL for `*` (and memory out); what
 * is no tag of ours matches nothing and is {-1}. */
const char *etag_versions(struct arena *arena, const char *if_match);

#endif
