/* drip.h — a reply that is written in parts, as fast as the client takes them, while what comes next is fetched. */
#ifndef WHISTLED_DRIP_H
#define WHISTLED_DRIP_H

#include "request.h"

enum drip_verdict {
    DRIP_MORE, /* something was added */
    DRIP_WAIT, /* nothing yet: drip_wake says when to ask again */
    DRIP_END,  /* the last was added, or nothing */
    DRIP_CUT,  /* there will be no end: the client is to notice */
};

/* Asked when the client has taken all there was. It may add to `out` whatever it says; some tens of kilobytes at a time
 * leave room for others in the loop. */
typedef enum drip_verdict (*drip_source)(struct request *request, struct buffer *out);

/* Makes the reply such a stream: status and content type are set by the caller, who then calls request_finish. Packed
 * when the client likes gzip. `until_ms` (CLOCK_MONOTONIC): cut then. Returns 0 or -ENOMEM. */
int drip_start(struct request *request, drip_source source, uint64_t until_ms);
void drip_wake(struct request *request);
/* With the request; accepts NULL. */
void drip_free(struct drip *drip);

#endif
