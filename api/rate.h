/* rate.h — so many requests a second for each caller: a bounded table of token buckets. */
#ifndef WHISTLED_RATE_H
#define WHISTLED_RATE_H

#include <stdbool.h>
#include <stdint.h>

struct rates;

/* NULL when memory is out. `burst` at once, and then `per_second`; burst 0 lets everything pass. */
struct rates *rates_new(double per_second, unsigned burst);
struct rates *rates_free(struct rates *rates);
/* Takes one token; false when there is none. */
bool rates_take(struct rates *rates, const char *tenant, const char *subject, uint64_t now_ms);

#endif
