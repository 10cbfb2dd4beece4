/* jobs_lease.h — who may do a job: one instance of the fleet at a time. The epoch goes into every write, so that one
 * who has lost it without noticing writes nothing. */
#ifndef WHISTLED_JOBS_LEASE_H
#define WHISTLED_JOBS_LEASE_H

#include "jobs_session.h"

struct lease {
    const char *name, *holder;
    long long epoch; /* 0: not ours */
    uint64_t next_ms;
};

/* Takes or renews it when that is due. True while it is ours. */
bool lease_hold(struct lease *lease, struct session *session, uint64_t now_ms);
void lease_lost(struct lease *lease);
/* Runs a statement with holder and epoch as $1 and $2, and one more unless it is NULL. -1 when lease or connection is
 * lost. */
long long lease_run(struct lease *lease, struct session *session, const char *sql, const char *more);

#endif
