/* histogram.h — latencies in buckets no wider than 1.6 % of their value. */
#ifndef HISTOGRAM_H
#define HISTOGRAM_H

#include <stdint.h>

enum { HISTOGRAM_FINE = 64, HISTOGRAM_BUCKETS = 40 * HISTOGRAM_FINE };

struct histogram {
    uint64_t counts[HISTOGRAM_BUCKETS];
    uint64_t total, sum_us, max_us;
};

void histogram_add(struct histogram *histogram, uint64_t us);
uint64_t histogram_quantile(const struct histogram *histogram, double share);

#endif
