/* rate.c — token buckets in a table that never grows: a newcomer takes the place of whoever was quiet longest. */
#include "rate.h"

#include <stdlib.h>
#include <sys/random.h>

enum { BUCKETS = 8192, PROBES = 8 };

struct bucket {
    uint64_t owner; /* hash of tenant and subject; 0: free */
    uint64_t filled_ms;
    double tokens;
};

struct rates {
    double per_ms, most;
    uint64_t seed;
    struct bucket buckets[BUCKETS];
};

struct rates *rates_new(double per_second, unsigned burst)
{
    struct rates *rates = calloc(1, sizeof *rates);

    if (!rates)
        return NULL;
    rates->per_ms = per_second / 1000.0;
    rates->most = burst;
    /* Without a seed of its own, subjects could be made that share one bucket. */
    if (getrandom(&rates->seed, sizeof rates->seed, 0) != (ssize_t)sizeof rates->seed)
        return rates_free(rates);
    return rates;
}

struct rates *rates_free(struct rates *rates)
{
    free(rates);
    return NULL;
}

static uint64_t mix(uint64_t hash, const char *text)
{
    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * 0x100000001b3u;
    return (hash ^ 0xff) * 0x100000001b3u;
}

static void fill(const struct rates *rates, struct bucket *bucket, uint64_t now_ms)
{
    double more = rates->per_ms * (double)(now_ms - bucket->filled_ms);

    bucket->tokens = bucket->tokens + more > rates->most ? rates->most : bucket->tokens + more;
    bucket->filled_ms = now_ms;
}

static struct bucket *find(struct rates *rates, uint64_t owner, uint64_t now_ms)
{
    struct bucket *best = NULL;

    for (unsigned i = 0; i < PROBES; i++) {
        struct bucket *bucket = &rates->buckets[(owner + i) % BUCKETS];

        if (bucket->owner == owner)
            return bucket;
        if (!best || !bucket->owner || (best->owner && bucket->filled_ms < best->filled_ms))
            best = bucket;
    }
    *best = (struct bucket){.owner = owner, .filled_ms = now_ms, .tokens = rates->most};
    return best;
}

bool rates_take(struct rates *rates, const char *tenant, const char *subject, uint64_t now_ms)
{
    uint64_t owner = mix(mix(rates->seed ^ 0xcbf29ce484222325u, tenant), subject) | 1;
    struct bucket *bucket;

    if (rates->most <= 0)
        return true;
    bucket = find(rates, owner, now_ms);
    fill(rates, bucket, now_ms);
    if (bucket->tokens < 1)
        return false;
    bucket->tokens -= 1;
    return true;
}
