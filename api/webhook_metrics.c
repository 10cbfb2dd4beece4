/* webhook_metrics.c — tries by what became of them, how long they took, and what waits. */
#include "webhook_metrics.h"

#include <inttypes.h>
#include <stdio.h>

static const unsigned bounds_ms[N_WEBHOOK_BOUNDS] = {10, 25, 50, 100, 250, 500, 1000, 2500, 10000, 30000};

void webhook_metrics_count(atomic_uint_fast64_t *counter, uint64_t more)
{
    atomic_fetch_add_explicit(counter, more, memory_order_relaxed);
}

void webhook_metrics_set(atomic_uint_fast64_t *gauge, uint64_t value)
{
    atomic_store_explicit(gauge, value, memory_order_relaxed);
}

void webhook_metrics_attempt(struct webhook_metrics *metrics, enum send_error error, unsigned duration_ms)
{
    size_t bucket = 0;

    while (bucket < N_WEBHOOK_BOUNDS && duration_ms > bounds_ms[bucket])
        bucket++;
    webhook_metrics_count(&metrics->attempts[error], 1);
    webhook_metrics_count(&metrics->buckets[bucket], 1);
    webhook_metrics_count(&metrics->sum_ms, duration_ms);
}

static uint64_t value_of(atomic_uint_fast64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

static void add_one(struct buffer *out, const char *name, const char *type, const char *help, uint64_t value)
{
    buffer_add_format(out, "# HELP %s %s\n# TYPE %s %s\n%s %" PRIu64 "\n", name, help, name, type, name, value);
}

static void add_histogram(struct webhook_metrics *metrics, struct buffer *out)
{
    uint64_t total = 0;

    buffer_add_format(out, "# HELP whistled_webhook_seconds From a try's begin to its end.\n"
                           "# TYPE whistled_webhook_seconds histogram\n");
    for (size_t i = 0; i < N_WEBHOOK_BOUNDS; i++) {
        total += value_of(&metrics->buckets[i]);
        buffer_add_format(out, "whistled_webhook_seconds_bucket{le=\"%g\"} %" PRIu64 "\n", bounds_ms[i] / 1e3, total);
    }
    total += value_of(&metrics->buckets[N_WEBHOOK_BOUNDS]);
    buffer_add_format(out, "whistled_webhook_seconds_bucket{le=\"+Inf\"} %" PRIu64 "\n", total);
    buffer_add_format(out, "whistled_webhook_seconds_sum %.3f\n", (double)value_of(&metrics->sum_ms) / 1e3);
    buffer_add_format(out, "whistled_webhook_seconds_count %" PRIu64 "\n", total);
}

void webhook_metrics_write(struct webhook_metrics *metrics, struct buffer *out)
{
    buffer_add_format(out, "# HELP whistled_webhook_attempts_total Tries to deliver a message.\n"
                           "# TYPE whistled_webhook_attempts_total counter\n");
    for (int error = 0; error < N_SEND_ERRORS; error++)
        buffer_add_format(out, "whistled_webhook_attempts_total{result=\"%s\"} %" PRIu64 "\n",
                          send_error_name((enum send_error)error), value_of(&metrics->attempts[error]));
    add_histogram(metrics, out);
    add_one(out, "whistled_webhook_disabled_total", "counter", "Webhooks that the service switched off.",
            value_of(&metrics->disabled));
    add_one(out, "whistled_webhook_sender", "gauge", "1 when this instance is the one that sends.",
            value_of(&metrics->sending));
    add_one(out, "whistled_webhook_under_way", "gauge", "Tries that wait for their answer.",
            value_of(&metrics->under_way));
    add_one(out, "whistled_webhook_due", "gauge", "Messages due and not delivered yet; of the sender.",
            value_of(&metrics->due));
    add_one(out, "whistled_webhook_oldest_seconds", "gauge", "For how long the oldest of them has been due.",
            value_of(&metrics->oldest_s));
}
