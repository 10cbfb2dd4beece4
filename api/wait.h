/* wait.h — requests that hang under Prefer: wait until something is new for them. */
#ifndef WHISTLED_WAIT_H
#define WHISTLED_WAIT_H

#include <stdbool.h>
#include <stdint.h>

#include "hooks.h"
#include "request.h"

struct waiters;
struct waiter;

/* Whoever looked looks again so long after at the earliest: when there is much to hear, much of it goes into one look.
 * Who hears of something for the first time in a while hears of it at once. */
enum { WAIT_REST_MS = 200 };

/* NULL when memory is out. At most `limit` wait at the same time; the next is answered at once. `again` is to run the
 * request's statement another time, `over` to answer with what the last run found. */
struct waiters *waiters_new(struct hooks *hooks, unsigned limit, void (*again)(struct request *request),
                            void (*over)(struct request *request));
struct waiters *waiters_free(struct waiters *waiters);

/* Hangs the request under (tenant, key) for each row of the result's first column; to be called before its statement is
 * run, so that nothing that happens in between is lost. Returns false when there is no key, no room or no memory: then
 * the request does not wait. */
bool wait_register(struct request *request, const PGresult *keys);
/* The request is answered with all that there is to show: if it comes back for more within a moment, wait_park. */
void wait_seen(struct request *request);
/* Takes in one that comes back too soon, or while others write; in a moment `again` is called for it. False: it may
 * look now. */
bool wait_park(struct request *request);
/* Its look is the first: it came back too soon, hangs nowhere, and is no longer kept from looking. */
bool wait_unpark(struct request *request);
/* Its time is up. Accepts a request that does not wait. */
bool wait_over(const struct request *request);
/* The statement found nothing: goes on waiting, and is run again when something is or was new. False: its time is up,
 * answer. */
bool wait_hang(struct request *request);
/* Takes it out of every list; accepts a request that does not wait. */
void wait_leave(struct request *request);
/* No more waiting for this one. */
void wait_end(struct request *request);

/* Runs those that were woken, a few at a time, at the worker's pace; to be called each turn. */
void waiters_run(struct waiters *waiters, uint64_t now_ms);
void waiters_end_all(struct waiters *waiters);
/* Ends waits whose time is up. Returns milliseconds to the next, at most `most`. */
int waiters_tick(struct waiters *waiters, uint64_t now_ms, int most);
unsigned waiters_count(const struct waiters *waiters);

#endif
