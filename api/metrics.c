/* metrics.c — figures for Prometheus: relaxed counters per worker, added up by the metrics listener. */
#include "metrics.h"

#include <inttypes.h>
#include <microhttpd.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const int statuses[] = {200, 201, 202, 204, 304, 400, 401, 403, 404,
                               405, 406, 408, 409, 410, 412, 413, 414, 415,
                               417, 422, 428, 429, 431, 500, 503, 505, /* any other */ 0};
static const uint64_t bounds_us[] = {500,    1000,   2500,   5000,    10000,   25000,   50000,
                                     100000, 250000, 500000, 1000000, 2500000, 5000000, 30000000};

enum {
    N_STATUSES = sizeof statuses / sizeof *statuses,
    N_BOUNDS = sizeof bounds_us / sizeof *bounds_us,
};

/* Of one operation; the last place is for requests that found none. */
struct counters {
    atomic_uint_fast64_t statuses[N_STATUSES];
    atomic_uint_fast64_t buckets[N_BOUNDS + 1]; /* not cumulative */
    atomic_uint_fast64_t sum_us;
};

struct metrics {
    atomic_uint_fast64_t gauges[N_GAUGES];
    struct counters operations[];
};

struct metrics_server {
    struct MHD_Daemon *daemon;
    struct metrics *const *metrics;
    unsigned n;
    struct webhook_metrics *webhooks;
};

struct metrics *metrics_new(void)
{
    return calloc(1, sizeof(struct metrics) + (contract.n_operations + 1) * sizeof(struct counters));
}

struct metrics *metrics_free(struct metrics *metrics)
{
    free(metrics);
    return NULL;
}

/* One writer: a load and a store are cheaper than an atomic addition, and as good. */
static void count(atomic_uint_fast64_t *counter, uint64_t more)
{
    uint64_t value = atomic_load_explicit(counter, memory_order_relaxed);

    atomic_store_explicit(counter, value + more, memory_order_relaxed);
}

void metrics_request(struct metrics *metrics, const struct operation *operation, int status, uint64_t us)
{
    struct counters *counters = &metrics->operations[operation ? operation->index : contract.n_operations];
    size_t place = 0, bucket = 0;

    while (statuses[place] && statuses[place] != status)
        place++;
    while (bucket < N_BOUNDS && us > bounds_us[bucket])
        bucket++;
    count(&counters->statuses[place], 1);
    count(&counters->buckets[bucket], 1);
    count(&counters->sum_us, us);
}

void metrics_gauge(struct metrics *metrics, enum gauge gauge, uint64_t value)
{
    atomic_store_explicit(&metrics->gauges[gauge], value, memory_order_relaxed);
}

/* Where one figure stands in each worker's counters. */
static uint64_t sum_at(struct metrics *const *metrics, unsigned n, size_t operation, size_t offset)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < n; i++) {
        char *counters = (char *)&metrics[i]->operations[operation];

        sum += atomic_load_explicit((atomic_uint_fast64_t *)(counters + offset), memory_order_relaxed);
    }
    return sum;
}

static const char *operation_name(size_t index)
{
    return index == contract.n_operations ? "none" : contract.operations[index].id;
}

static size_t operation_index(size_t place)
{
    return place == contract.n_operations ? place : contract.operations[place].index;
}

static void write_requests(struct metrics *const *metrics, unsigned n, struct buffer *out)
{
    buffer_add_format(out,
                      "# HELP whistled_requests_total Requests answered.\n# TYPE whistled_requests_total counter\n");
    for (size_t i = 0; i <= contract.n_operations; i++)
        for (size_t k = 0; k < N_STATUSES; k++) {
            size_t offset = offsetof(struct counters, statuses) + k * sizeof(atomic_uint_fast64_t);
            uint64_t value = sum_at(metrics, n, operation_index(i), offset);

            if (value)
                buffer_add_format(out, "whistled_requests_total{operation=\"%s\",status=\"%d\"} %" PRIu64 "\n",
                                  operation_name(i), statuses[k], value);
        }
}

static void write_histogram(struct metrics *const *metrics, unsigned n, size_t place, struct buffer *out)
{
    const char *name = operation_name(place);
    size_t index = operation_index(place);
    uint64_t total = 0;

    for (size_t k = 0; k <= N_BOUNDS; k++)
        total += sum_at(metrics, n, index, offsetof(struct counters, buckets) + k * sizeof(atomic_uint_fast64_t));
    if (!total)
        return;
    total = 0;
    for (size_t k = 0; k <= N_BOUNDS; k++) {
        total += sum_at(metrics, n, index, offsetof(struct counters, buckets) + k * sizeof(atomic_uint_fast64_t));
        if (k < N_BOUNDS)
            buffer_add_format(out, "whistled_request_seconds_bucket{operation=\"%s\",le=\"%g\"} %" PRIu64 "\n", name,
                              (double)bounds_us[k] / 1e6, total);
    }
    buffer_add_format(out, "whistled_request_seconds_bucket{operation=\"%s\",le=\"+Inf\"} %" PRIu64 "\n", name, total);
    buffer_add_format(out, "whistled_request_seconds_sum{operation=\"%s\"} %.6f\n", name,
                      (double)sum_at(metrics, n, index, offsetof(struct counters, sum_us)) / 1e6);
    buffer_add_format(out, "whistled_request_seconds_count{operation=\"%s\"} %" PRIu64 "\n", name, total);
}

static void write_gauges(struct metrics *const *metrics, unsigned n, struct buffer *out)
{
    static const struct {
        const char *name, *help;
    } gauges[N_GAUGES] = {
        [GAUGE_CONNECTIONS] = {"whistled_connections", "Clients' connections."},
        [GAUGE_WAITERS] = {"whistled_waiters", "Requests hanging under Prefer: wait."},
        [GAUGE_STREAMS] = {"whistled_streams", "Streams of events."},
        [GAUGE_QUEUE] = {"whistled_database_queue", "Statements waiting for a database connection."},
        [GAUGE_DATABASE_READY] = {"whistled_database_ready", "1 when this worker reaches the database."},
    };

    for (int gauge = 0; gauge < N_GAUGES; gauge++) {
        buffer_add_format(out, "# HELP %s %s\n# TYPE %s gauge\n", gauges[gauge].name, gauges[gauge].help,
                          gauges[gauge].name);
        for (unsigned i = 0; i < n; i++)
            buffer_add_format(out, "%s{worker=\"%u\"} %" PRIu64 "\n", gauges[gauge].name, i,
                              (uint64_t)atomic_load_explicit(&metrics[i]->gauges[gauge], memory_order_relaxed));
    }
}

void metrics_write(struct metrics *const *metrics, unsigned n, struct buffer *out)
{
    buffer_add_format(out, "# HELP whistled_build_info What runs here.\n# TYPE whistled_build_info gauge\n");
    buffer_add_format(out, "whistled_build_info{version=\"%s\",procedures=\"%s\"} 1\n", contract.version,
                      contract.procedures_checksum);
    write_requests(metrics, n, out);
    buffer_add_format(out, "# HELP whistled_request_seconds From a request's first line to the end of its reply.\n"
                           "# TYPE whistled_request_seconds histogram\n");
    for (size_t i = 0; i <= contract.n_operations; i++)
        write_histogram(metrics, n, i, out);
    write_gauges(metrics, n, out);
}

static enum MHD_Result answer(struct MHD_Connection *connection, unsigned status, struct buffer *body)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(body->size, body->data, MHD_RESPMEM_MUST_FREE);
    enum MHD_Result sent;

    if (!response) {
        buffer_free(body);
        return MHD_NO;
    }
    MHD_add_response_header(response, "Content-Type", "text/plain; version=0.0.4; charset=utf-8");
    MHD_add_response_header(response, "Cache-Control", "no-store");
    sent = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return sent;
}

static enum MHD_Result handle(void *cls, struct MHD_Connection *connection, const char *url, const char *method,
                              const char *version, const char *upload, size_t *upload_size, void **state)
{
    const struct metrics_server *server = cls;
    struct buffer body = {.size = 0};
    bool reads = !strcmp(method, "GET") || !strcmp(method, "HEAD");

    (void)version;
    (void)upload;
    if (!*state || *upload_size) {
        *state = (void *)server;
        *upload_size = 0;
        return MHD_YES;
    }
    if (strcmp(url, "/metrics") != 0 || !reads) {
        buffer_add_text(&body, "GET /metrics\n");
        return answer(connection, reads ? 404 : 405, &body);
    }
    metrics_write(server->metrics, server->n, &body);
    webhook_metrics_write(server->webhooks, &body);
    if (body.failed) {
        buffer_free(&body);
        return MHD_NO;
    }
    return answer(connection, 200, &body);
}

struct metrics_server *metrics_serve(struct metrics *const *metrics, unsigned n, struct webhook_metrics *webhooks,
                                     int listen_fd)
{
    struct metrics_server *server = calloc(1, sizeof *server);

    if (!server)
        return NULL;
    *server = (struct metrics_server){.metrics = metrics, .n = n, .webhooks = webhooks};
    server->daemon = MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD, 0, NULL, NULL, handle, server,
                                      MHD_OPTION_LISTEN_SOCKET, listen_fd, MHD_OPTION_CONNECTION_LIMIT, 32u,
                                      MHD_OPTION_CONNECTION_TIMEOUT, 10u, MHD_OPTION_END);
    if (!server->daemon) {
        free(server);
        return NULL;
    }
    return server;
}

struct metrics_server *metrics_stop(struct metrics_server *server)
{
    if (server) {
        MHD_stop_daemon(server->daemon);
        free(server);
    }
    return NULL;
}
