/* jobs_lease.c — takes leases, renews them, and names them in what a job writes. */
#include "jobs_lease.h"

#include <stdio.h>

#define LEASE_S "10"

enum { LEASE_RENEW_MS = 3000, LEASE_RETRY_MS = 500 };

bool lease_hold(struct lease *lease, struct session *session, uint64_t now_ms)
{
    const char *values[] = {lease->name, lease->holder, LEASE_S};
    long long epoch;

    if (now_ms < lease->next_ms)
        return lease->epoch != 0;

    epoch = session_run_number(session, "SELECT lease_take($1, $2, $3::integer)", 3, values);
    lease->epoch = epoch > 0 ? epoch : 0;
    lease->next_ms = now_ms + (lease->epoch != 0 ? LEASE_RENEW_MS : LEASE_RETRY_MS);
    return lease->epoch != 0;
}

void lease_lost(struct lease *lease)
{
    lease->epoch = 0;
    lease->next_ms = 0;
}

long long lease_run(struct lease *lease, struct session *session, const char *sql, const char *more)
{
    char epoch[24];
    const char *values[] = {lease->holder, epoch, more};
    long long done;

    snprintf(epoch, sizeof(epoch), "%lld", lease->epoch);
    done = session_run_number(session, sql, more != NULL ? 3 : 2, values);
    if (done < 0)
        lease_lost(lease);
    return done;
}
