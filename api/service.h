/* service.h — what all workers share: made before they start, read-only from then on but for one flag. */
#ifndef WHISTLED_SERVICE_H
#define WHISTLED_SERVICE_H

#include <stdatomic.h>
#include <stdbool.h>

#include "address.h"
#include "config.h"
#include "encode.h"
#include "router.h"

enum { CURSOR_KEY_SIZE = 32 };

struct jobs;
struct offers;

struct service {
    const struct config *config;
    const char *search_path; /* of every database session */
    struct router *router;
    struct binding **bindings; /* by operation.index; NULL for operations of C functions */
    struct offers *offers;     /* what allowed_actions are written from */
    unsigned char cursor_key[CURSOR_KEY_SIZE];
    struct address_rules webhook_rules; /* where webhooks may lie */
    bool library_is_old;                /* libmicrohttpd 0.9.75: see guard_neighbours */
    struct jobs *jobs;                  /* hears of committed writes */
    atomic_bool draining; /* not ready any more; waiters are answered, connections close after their reply */
};

#endif
