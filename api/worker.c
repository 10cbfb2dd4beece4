/* worker.c — one thread: an epoll, an MHD daemon, its own database connections. Shares nothing, takes no lock. */
#include "worker.h"

#include <errno.h>
#include <microhttpd.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "filer.h"
#include "http.h"
#include "log.h"
#include "names.h"
#include "ops/ops.h"
#include "perform.h"

enum {
    MAX_EVENTS = 256,
    LONGEST_TURN_MS = 1000,
    DRAIN_TURN_MS = 20,
    /* Of an idle connection nearly all that it takes. What guard.h allows and the reply's header fit in, and so does
     * what is a little more, so that the refusal is ours. */
    CONNECTION_MEMORY = 11264,
    TOKEN_CACHE = 4096,
    NOTICE_MS = 500, /* not ready, but still accepting: until whoever balances the load has seen it */
};

#define FAILURES_PER_SECOND 0.2 /* after the first few: one in five seconds */

/* A message from another thread; its texts stand behind it. */
struct wake {
    struct wake *next;
    const char *tenant, *keys;
    char texts[];
};

uint64_t worker_clock_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

uint64_t worker_clock_ms(void)
{
    return worker_clock_us() / 1000;
}

static void daemon_ready(struct event_source *source, uint32_t events)
{
    struct worker *worker = (struct worker *)((char *)source - offsetof(struct worker, daemon_source));

    (void)events;
    worker->daemon_due = true;
}

/* Newest first on the way in; they are turned round so that news stays in order. */
static struct wake *take_inbox(struct worker *worker)
{
    struct wake *stack = atomic_exchange_explicit(&worker->inbox, NULL, memory_order_acquire);
    struct wake *queue = NULL;

    while (stack) {
        struct wake *next = stack->next;

        stack->next = queue;
        queue = stack;
        stack = next;
    }
    return queue;
}

static void bell_rings(struct event_source *source, uint32_t events)
{
    struct worker *worker = (struct worker *)((char *)source - offsetof(struct worker, bell_source));
    uint64_t count;

    (void)events;
    /* First silence, then look: what comes in between rings again. */
    (void)!read(worker->bell_fd, &count, sizeof count);
    for (struct wake *wake = take_inbox(worker); wake;) {
        struct wake *next = wake->next;

        hooks_wake(worker->hooks, wake->tenant, wake->keys);
        free(wake);
        wake = next;
    }
}

static void ring(struct worker *worker)
{
    const uint64_t one = 1;

    (void)!write(worker->bell_fd, &one, sizeof one);
}

void worker_wake(struct worker *worker, const char *tenant, const char *keys)
{
    size_t tenant_size = tenant ? strlen(tenant) + 1 : 0;
    size_t keys_size = keys ? strlen(keys) + 1 : 0;
    struct wake *wake = malloc(sizeof *wake + tenant_size + keys_size);

    if (!wake)
        return;
    *wake = (struct wake){
        .next = atomic_load_explicit(&worker->inbox, memory_order_relaxed),
        .tenant = tenant ? memcpy(wake->texts, tenant, tenant_size) : NULL,
        .keys = keys ? memcpy(wake->texts + tenant_size, keys, keys_size) : NULL,
    };
    while (!atomic_compare_exchange_weak_explicit(&worker->inbox, &wake->next, wake, memory_order_release,
                                                  memory_order_relaxed))
        ;
    ring(worker);
}

void worker_stop(struct worker *worker)
{
    atomic_store_explicit(&worker->stop, true, memory_order_release);
    ring(worker);
}

static int watch(struct worker *worker, int fd, struct event_source *source)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = source};

    return epoll_ctl(worker->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

static int make_parts(struct worker *worker)
{
    const struct config *config = worker->service->config;

    worker->zone = zone_new(config->zone);
    worker->hooks = hooks_new();
    if (worker->hooks)
        worker->waiters =
            waiters_new(worker->hooks, config->max_waiters / config->workers, perform_again, perform_over);
    worker->streams = streams_new(worker, config->max_streams / config->workers);
    worker->names = names_new();
    worker->rates = rates_new(config->citizen_rate, config->citizen_rate);
    worker->client_rates = rates_new(config->client_rate, config->client_rate);
    worker->public_rates = rates_new(config->public_rate, config->public_rate);
    worker->failures = rates_new(FAILURES_PER_SECOND, config->failure_burst);
    worker->metrics = metrics_new();
    worker->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    worker->bell_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    worker->blank_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (worker->blank_fd < 0 || !worker->streams)
        return -ENOMEM;
    if (!worker->zone || !worker->waiters || !worker->names || !worker->rates || !worker->client_rates ||
        !worker->public_rates || !worker->failures || !worker->metrics || worker->epoll_fd < 0 || worker->bell_fd < 0)
        return -ENOMEM;
    worker->bell_source.ready = bell_rings;
    worker->filer = filer_new(worker->epoll_fd);
    if (!worker->filer)
        return -ENOMEM;
    worker->daemon_source.ready = daemon_ready;
    return watch(worker, worker->bell_fd, &worker->bell_source);
}

static const char *text_or_null(const char *text)
{
    return text[0] ? text : NULL;
}

/* What changes about keys while the service runs is the operator's news. */
static void note_keys(const char *text)
{
    log_line(LOG_WARNING, "%s", text);
}

struct auth_settings worker_auth_settings(const struct config *config)
{
    return (struct auth_settings){
        .key_directory = text_or_null(config->key_dir),
        .jwks_file = text_or_null(config->jwks_file),
        .issuer = text_or_null(config->issuer),
        .audience = text_or_null(config->audience),
        .claim_tenant = config->claim_tenant,
        .claim_roles = config->claim_roles,
        .claim_org = config->claim_org,
        .claim_areas = config->claim_areas,
        .leeway_s = config->leeway_s,
        .cache_entries = TOKEN_CACHE,
        .roles = contract.roles,
        .n_roles = contract.n_roles,
        .note = note_keys,
    };
}

static int make_auth(struct worker *worker, char **reterr_text)
{
    const struct auth_settings settings = worker_auth_settings(worker->service->config);

    return auth_new(&settings, &worker->auth, reterr_text);
}

static int make_db(struct worker *worker, char **reterr_text)
{
    const struct config *config = worker->service->config;
    const struct db_settings settings = {
        .url = config->database_url,
        .search_path = worker->service->search_path,
        .zone = config->zone,
        .read_connections = config->read_connections,
        .write_connections = config->write_connections,
        .queue_limit = config->queue_limit,
        .queue_wait_ms = config->queue_wait_ms,
        .group_limit = config->group_limit,
        .statement_timeout_ms = config->request_timeout_ms,
    };

    return db_new(&settings, worker->epoll_fd, &worker->db, reterr_text);
}

int worker_new(const struct service *service, unsigned index, int listen_fd, struct worker **ret_worker,
               char **reterr_text)
{
    struct worker *worker = calloc(1, sizeof *worker);
    int r;

    if (!worker)
        return -ENOMEM;
    worker->service = service;
    worker->index = index;
    worker->epoll_fd = worker->bell_fd = worker->blank_fd = -1;
    worker->listen_fd = listen_fd;
    worker->now_ms = worker_clock_ms();
    r = make_parts(worker);
    if (!r)
        r = make_auth(worker, reterr_text);
    if (!r)
        r = make_db(worker, reterr_text);
    if (r) {
        worker_free(worker);
        return r;
    }
    connections_init(worker);
    *ret_worker = worker;
    return 0;
}

static struct MHD_Daemon *start_daemon(struct worker *worker)
{
    const struct config *config = worker->service->config;
    unsigned connections = config->max_connections / config->workers;

    /* Not strict: its own refusals are pages of HTML; guard.c is stricter. Deadlines are ours too: connection.c. */
    return MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL, NULL, http_handle,
                            worker, MHD_OPTION_EXTERNAL_LOGGER, http_log, worker, MHD_OPTION_LISTEN_SOCKET,
                            worker->listen_fd, MHD_OPTION_CONNECTION_LIMIT, connections ? connections : 1u,
                            MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
                            MHD_OPTION_CONNECTION_TIMEOUT, 0u, MHD_OPTION_STRICT_FOR_CLIENT, 0,
                            MHD_OPTION_URI_LOG_CALLBACK, http_begin, worker, MHD_OPTION_UNESCAPE_CALLBACK,
                            http_unescape, NULL, MHD_OPTION_NOTIFY_COMPLETED, http_complete, worker,
                            MHD_OPTION_NOTIFY_CONNECTION, connection_notify, worker, MHD_OPTION_END);
}

static int daemon_timeout(struct worker *worker, int most)
{
    MHD_UNSIGNED_LONG_LONG left;

    if (worker->daemon_due)
        return 0;
    if (MHD_get_timeout(worker->daemon, &left) != MHD_YES)
        return most;
    worker->daemon_due = left == 0;
    return left < (unsigned)most ? (int)left : most;
}

static void report(struct worker *worker)
{
    metrics_gauge(worker->metrics, GAUGE_CONNECTIONS, worker->connections.n);
    metrics_gauge(worker->metrics, GAUGE_WAITERS, waiters_count(worker->waiters));
    metrics_gauge(worker->metrics, GAUGE_STREAMS, streams_count(worker->streams));
    metrics_gauge(worker->metrics, GAUGE_QUEUE, db_waiting(worker->db));
    metrics_gauge(worker->metrics, GAUGE_DATABASE_READY, db_ready(worker->db));
}

/* All that is due by time; how long the next turn may sleep. */
static int tick(struct worker *worker)
{
    int timeout = worker->phase == WORKER_RUNNING ? LONGEST_TURN_MS : DRAIN_TURN_MS;

    worker->now_ms = worker_clock_ms();
    timeout = waiters_tick(worker->waiters, worker->now_ms, timeout);
    timeout = pace_turn(&worker->pace, worker->now_ms, db_writing(worker->db), timeout);
    if (worker->pace.last == PACE_STREAMS)
        waiters_run(worker->waiters, worker->now_ms);
    timeout = connections_tick(worker, timeout);
    timeout = streams_turn(worker->streams, worker->now_ms, timeout);
    waiters_run(worker->waiters, worker->now_ms);
    db_flush(worker->db);
    timeout = db_tick(worker->db, worker->now_ms, timeout);
    report(worker);
    return daemon_timeout(worker, timeout);
}

static void turn(struct worker *worker)
{
    struct epoll_event events[MAX_EVENTS];
    int n = epoll_wait(worker->epoll_fd, events, MAX_EVENTS, tick(worker));

    worker->now_ms = worker_clock_ms();
    for (int i = 0; i < n; i++) {
        struct event_source *source = events[i].data.ptr;

        source->ready(source, events[i].events);
    }
    if (worker->daemon_due) {
        worker->daemon_due = false;
        MHD_run(worker->daemon);
    }
}

static void begin_notice(struct worker *worker)
{
    unsigned drain_ms = worker->service->config->drain_timeout_ms;

    worker->phase = WORKER_NOT_READY;
    worker->phase_end_ms = worker->now_ms + (drain_ms / 4 < NOTICE_MS ? drain_ms / 4 : NOTICE_MS);
    waiters_end_all(worker->waiters);
    streams_end_all(worker->streams);
}

static void begin_drain(struct worker *worker)
{
    MHD_socket listen_fd;

    /* What the kernel has already shaken hands with is let in; closing the socket would reset it. */
    MHD_run(worker->daemon);
    listen_fd = MHD_quiesce_daemon(worker->daemon);
    worker->phase = WORKER_DRAINING;
    worker->phase_end_ms = worker->now_ms + worker->service->config->drain_timeout_ms;
    if (listen_fd != MHD_INVALID_SOCKET)
        close(listen_fd);
    worker->listen_fd = -1;
    waiters_end_all(worker->waiters);
}

/* True when there is nothing left to wait for. */
static bool advance(struct worker *worker)
{
    if (worker->phase == WORKER_RUNNING && atomic_load_explicit(&worker->stop, memory_order_acquire))
        begin_notice(worker);
    if (worker->phase == WORKER_NOT_READY && worker->now_ms >= worker->phase_end_ms)
        begin_drain(worker);
    if (worker->phase != WORKER_DRAINING)
        return false;
    connections_close_idle(worker);
    return !connections_busy(worker) || worker->now_ms >= worker->phase_end_ms;
}

static void *loop(void *cls)
{
    struct worker *worker = cls;

    while (!advance(worker))
        turn(worker);
    /* Whatever still runs is answered now; suspended connections must all be resumed before the daemon stops. */
    exports_stop(worker);
    worker->filer = filer_free(worker->filer);
    worker->db = db_free(worker->db);
    MHD_run(worker->daemon);
    MHD_run(worker->daemon);
    MHD_stop_daemon(worker->daemon);
    worker->daemon = NULL;
    connections_stop(worker);
    return NULL;
}

int worker_start(struct worker *worker)
{
    const union MHD_DaemonInfo *info;
    int r;

    worker->daemon = start_daemon(worker);
    if (!worker->daemon)
        return -EIO;
    info = MHD_get_daemon_info(worker->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    r = info ? watch(worker, info->epoll_fd, &worker->daemon_source) : -EIO;
    if (!r)
        r = -pthread_create(&worker->thread, NULL, loop, worker);
    if (r) {
        MHD_stop_daemon(worker->daemon);
        worker->daemon = NULL;
        worker->listen_fd = -1;
        return r;
    }
    worker->started = true;
    return 0;
}

void worker_join(struct worker *worker)
{
    if (worker->started)
        pthread_join(worker->thread, NULL);
    worker->started = false;
}

struct worker *worker_free(struct worker *worker)
{
    if (!worker)
        return NULL;
    worker_join(worker);
    filer_free(worker->filer);
    if (worker->db)
        db_free(worker->db);
    for (struct wake *wake = take_inbox(worker); wake;) {
        struct wake *next = wake->next;

        free(wake);
        wake = next;
    }
    auth_free(worker->auth);
    zone_free(worker->zone);
    streams_free(worker->streams);
    waiters_free(worker->waiters);
    hooks_free(worker->hooks);
    names_free(worker->names);
    rates_free(worker->rates);
    rates_free(worker->client_rates);
    rates_free(worker->public_rates);
    rates_free(worker->failures);
    metrics_free(worker->metrics);
    if (worker->bell_fd >= 0)
        close(worker->bell_fd);
    if (worker->epoll_fd >= 0)
        close(worker->epoll_fd);
    if (worker->blank_fd >= 0)
        close(worker->blank_fd);
    free(worker);
    return NULL;
}
