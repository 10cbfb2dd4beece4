/* histogram.c — see histogram.h: exact below 64 µs, then 64 buckets for each doubling. */
#include "histogram.h"

static unsigned bucket_of(uint64_t us)
{
    unsigned shift = 0;

    while (us >> shift >= 2 * HISTOGRAM_FINE)
        shift++;
    /* The first 128 values have a bucket each; every doubling after that has 64. */
    return us < 2 * HISTOGRAM_FINE ? (unsigned)us : shift * HISTOGRAM_FINE + (unsigned)(us >> shift);
}

/* The largest value that falls into it. */
static uint64_t top_of(unsigned bucket)
{
    unsigned shift;

    if (bucket < 2 * HISTOGRAM_FINE)
        return bucket;
    shift = bucket / HISTOGRAM_FINE - 1;
    return (((uint64_t)bucket - shift * HISTOGRAM_FINE + 1) << shift) - 1;
}

void histogram_add(struct histogram *histogram, uint64_t us)
{
    unsigned bucket = bucket_of(us);

    histogram->counts[bucket < HISTOGRAM_BUCKETS ? bucket : HISTOGRAM_BUCKETS - 1]++;
    histogram->total++;
    histogram->sum_us += us;
    if (us > histogram->max_us)
        histogram->max_us = us;
}

uint64_t histogram_quantile(const struct histogram *histogram, double share)
{
    uint64_t wanted = (uint64_t)((double)histogram->total * share), seen = 0;

    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += histogram->counts[i];
        if (seen > wanted)
            return top_of(i) < histogram->max_us ? top_of(i) : histogram->max_us;
    }
    return histogram->max_us;
}
