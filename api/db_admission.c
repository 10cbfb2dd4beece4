/* db_admission.c — how many calls may wait: no more than leave the queue in time. */
#include "db_admission.h"

enum {
    LEAST = 64,     /* so many wait without harm, however slow the database: clients that take turns come in tens */
    GROW_EVERY = 4, /* calls soon out let one more in: a queue's length later that is noticed, and is a quarter more */
    STUCK_FACTOR = 2, /* of wait_ms: the first has waited so long, nothing moves */
};

void admission_init(struct admission *admission, unsigned most, unsigned wait_ms)
{
    *admission = (struct admission){.most = most, .limit = most, .wait_ms = wait_ms};
}

void admission_learn(struct admission *admission, unsigned ahead, uint64_t waited_ms)
{
    uint64_t limit = admission->limit;

    if (!admission->wait_ms)
        return;
    /* By Little's law the queue that it stood in would be left in time if it were shorter in this proportion. */
    if (waited_ms > admission->wait_ms) {
        uint64_t fitting = ((uint64_t)ahead + 1) * admission->wait_ms / waited_ms;

        limit = fitting < limit ? fitting : limit;
        limit = limit > LEAST ? limit : LEAST;
    } else if (waited_ms < admission->wait_ms / 2) {
        limit += admission->n_soon++ % GROW_EVERY == 0;
    }
    admission->limit = limit < admission->most ? (unsigned)limit : admission->most;
}

bool admission_admits(const struct admission *admission, unsigned waiting, uint64_t oldest_ms)
{
    if (waiting >= admission->most)
        return false;
    if (!admission->wait_ms || waiting < LEAST)
        return true;
    return waiting < admission->limit && oldest_ms <= (uint64_t)admission->wait_ms * STUCK_FACTOR;
}
