/* wait.h — requests that hang under Prefer: wait until something is new for them. */
#ifndef WHISTLED_WAIT_H
#define WHISTLED_WAIT_H

#include <stdbool.h>
#include <stdint.h>

#include "request.h"

struct waiters;
struct waiter;

/* NULL when memory is out. At most `limit` wait at the same time; the next is answered at once. `again` is to run the
 * request's statement another time, `over` to answer with what the last run found. */
struct waiters *waiters_new(unsigned limit, void (*again)(struct request *request),
                            void (*over)(struct request *request));
struct waiters *waiters_free(struct waiters *waiters);

/* Hangs the request under (tenant, key) for each row of the result's first column; to be called before its statement is
 * run, so that nothing that happens in between is lost. Returns false when there is no key, no room or no memory: then
 * the request does not wait. */
bool wait_register(struct request *request, const PGresult *keys);
/* The statement found nothing. WAIT_AGAIN: something happened since it was asked, run it again at once. WAIT_OVER:
 * answer. */
enum wait_verdict { WAIT_ON, WAIT_AGAIN, WAIT_OVER };
enum wait_verdict wait_hang(struct request *request);
/* Takes it out of every list; accepts a request that does not wait. */
void wait_leave(struct request *request);
/* No more waiting for this one. */
void wait_end(struct request *request);

/* In the worker's own thread; see worker_wake for NULL. */
void waiters_wake(struct waiters *waiters, const char *tenant, const char *keys);
void waiters_end_all(struct waiters *waiters);
/* Ends waits whose time is up. Returns milliseconds to the next, at most `most`. */
int waiters_tick(struct waiters *waiters, uint64_t now_ms, int most);
unsigned waiters_count(const struct waiters *waiters);

#endif
