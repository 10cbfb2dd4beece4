/* pace.c — how much those who listen may read while others write. */
#include "pace.h"

int pace_turn(struct pace *pace, uint64_t now_ms, bool writing, int most)
{
    if (!writing)
        pace->quiet_ms = now_ms;
    pace->busy = now_ms - pace->quiet_ms >= PACE_BUSY_MS;
    pace->yields = pace->yields || (pace->busy && pace->n_running);
    return pace->rest_ms > now_ms && pace->rest_ms - now_ms < (uint64_t)most ? (int)(pace->rest_ms - now_ms) : most;
}

bool pace_lets(const struct pace *pace, uint64_t now_ms)
{
    return now_ms >= pace->rest_ms && (!pace->busy || !pace->n_running);
}

void pace_begin(struct pace *pace, enum pace_who who, uint64_t now_ms)
{
    if (!pace->n_running++) {
        pace->begun_ms = now_ms;
        pace->yields = pace->busy;
    }
    pace->last = who;
}

void pace_end(struct pace *pace, uint64_t now_ms)
{
    uint64_t rest_ms = (now_ms - pace->begun_ms) * PACE_REST;

    if (--pace->n_running || !pace->yields)
        return;
    pace->rest_ms = now_ms + (rest_ms < PACE_REST_MS ? rest_ms : PACE_REST_MS);
}
