/* webhook_metrics.h — what the sender of webhooks counts, for the metrics listener. */
#ifndef WHISTLED_WEBHOOK_METRICS_H
#define WHISTLED_WEBHOOK_METRICS_H

#include <stdatomic.h>
#include <stdint.h>

#include "encode.h"
#include "sender.h"

enum { N_WEBHOOK_BOUNDS = 10 };

/* One writer, the sender's thread; zeroed at start. */
struct webhook_metrics {
    atomic_uint_fast64_t attempts[N_SEND_ERRORS];
    atomic_uint_fast64_t buckets[N_WEBHOOK_BOUNDS + 1]; /* not cumulative */
    atomic_uint_fast64_t sum_ms;
    atomic_uint_fast64_t disabled;
    /* gauges */
    atomic_uint_fast64_t sending, under_way, due, oldest_s;
};

void webhook_metrics_attempt(struct webhook_metrics *metrics, enum send_error error, unsigned duration_ms);
void webhook_metrics_set(atomic_uint_fast64_t *gauge, uint64_t value);
void webhook_metrics_count(atomic_uint_fast64_t *counter, uint64_t more);

/* Prometheus text. */
void webhook_metrics_write(struct webhook_metrics *metrics, struct buffer *out);

#endif
