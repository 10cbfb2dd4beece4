/* pace.h — who listens gives way to who writes. Once writes have been under way without a pause for PACE_BUSY_MS, a
 * worker reads for its listeners (waiting requests, streams) once, and then not for PACE_REST times as long as that
 * took: more is new by then, and is read together. Before, there is no pace.
 */
#ifndef WHISTLED_PACE_H
#define WHISTLED_PACE_H

#include <stdbool.h>
#include <stdint.h>

enum {
    PACE_BUSY_MS = 50,
    PACE_REST = 18,
    PACE_REST_MS = 1000, /* at most: a database that hangs keeps nobody from the news for long */
};

enum pace_who { PACE_WAITS, PACE_STREAMS };

/* All zero: nothing was read, and nobody waits. A bout lasts from a reading that begins alone until none is under way.
 */
struct pace {
    unsigned n_running;
    uint64_t begun_ms, rest_ms; /* of the bout; its rest ends */
    uint64_t quiet_ms;          /* no write was under way */
    bool busy;
    bool yields;        /* it was busy at some time of this bout */
    enum pace_who last; /* who read last: the others come first */
};

/* Once a turn. Returns milliseconds to the end of the rest, at most `most`. */
int pace_turn(struct pace *pace, uint64_t now_ms, bool writing, int most);
/* Whether a reading may begin. */
bool pace_lets(const struct pace *pace, uint64_t now_ms);
void pace_begin(struct pace *pace, enum pace_who who, uint64_t now_ms);
void pace_end(struct pace *pace, uint64_t now_ms);

#endif
