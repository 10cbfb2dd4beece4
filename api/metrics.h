/* metrics.h — figures for Prometheus: each worker counts for itself, the metrics listener adds up. */
#ifndef WHISTLED_METRICS_H
#define WHISTLED_METRICS_H

#include <stdatomic.h>
#include <stdint.h>

#include "contract.h"
#include "encode.h"
#include "webhook_metrics.h"

struct metrics;
struct MHD_Daemon;

/* One per worker; only its worker writes, with relaxed atomics. NULL when memory is out. */
struct metrics *metrics_new(void);
struct metrics *metrics_free(struct metrics *metrics);

void metrics_request(struct metrics *metrics, const struct operation *operation, int status, uint64_t us);

enum gauge { GAUGE_CONNECTIONS, GAUGE_WAITERS, GAUGE_STREAMS, GAUGE_QUEUE, GAUGE_DATABASE_READY, N_GAUGES };
void metrics_gauge(struct metrics *metrics, enum gauge gauge, uint64_t value);

/* Prometheus text of all workers together. */
void metrics_write(struct metrics *const *metrics, unsigned n, struct buffer *out);

/* GET /metrics on a listener of its own, by one thread. NULL when it cannot start. `listen_fd` becomes the daemon's. */
struct metrics_server;
struct metrics_server *metrics_serve(struct metrics *const *metrics, unsigned n, struct webhook_metrics *webhooks,
                                     int listen_fd);
struct metrics_server *metrics_stop(struct metrics_server *server);

#endif
