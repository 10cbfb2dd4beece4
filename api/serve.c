/* serve.c — the service from its start to its end: sockets, database, workers, signals, drain. */
#include "serve.h"

#include <errno.h>
#include <malloc.h>
#include <microhttpd.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "jobs.h"
#include "listen.h"
#include "log.h"
#include "metrics.h"
#include "offers.h"
#include "startup.h"
#include "store.h"
#include "webhooks.h"
#include "worker.h"

enum { RETRY_MS = 1000, MAPPED_FROM = 128 << 10 };

struct server {
    struct service service;
    char *search_path;
    int *listen_fds;
    int metrics_fd;
    struct worker **workers;
    struct metrics **metrics;
    unsigned n_workers;
    struct metrics_server *metrics_server;
    struct webhooks *webhooks;
    struct webhook_metrics webhook_metrics;
};

static int say(int r, char *text)
{
    if (r)
        log_line(LOG_ERROR, "%s", text ? text : strerror(-r));
    free(text);
    return r;
}

/* As many descriptors as the kernel lets us have: clients need one each. */
static void raise_limits(const struct config *config)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur < config->max_connections)
        log_line(LOG_WARNING, "max_connections is %u, but this process may open only %llu files",
                 config->max_connections, (unsigned long long)limit.rlim_cur);
}

/* Before any thread, so that all inherit it: signals are taken by main alone, in take_signal. */
static sigset_t block_signals(void)
{
    sigset_t signals;

    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    /* A shell starts what it sends to the background with SIGINT ignored. */
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    signal(SIGPIPE, SIG_IGN);
    return signals;
}

static bool take_signal(const sigset_t *signals, unsigned timeout_ms)
{
    const struct timespec wait = {.tv_sec = timeout_ms / 1000, .tv_nsec = timeout_ms % 1000 * 1000000L};

    return sigtimedwait(signals, NULL, &wait) > 0;
}

static int bind_sockets(struct server *server, const struct config *config)
{
    char *text = NULL;
    int r;

    server->listen_fds = calloc(config->workers, sizeof *server->listen_fds);
    if (!server->listen_fds)
        return -ENOMEM;
    r = listen_bind(config->listen, config->workers, server->listen_fds, &text);
    if (r) {
        free(server->listen_fds);
        server->listen_fds = NULL;
    } else if (config->metrics_listen[0]) {
        r = listen_bind(config->metrics_listen, 1, &server->metrics_fd, &text);
    }
    return say(r, text);
}

/* Says once why it waits. Returns 0, 1 when a signal ended the waiting, or -Exxx. */
static int wait_for_database(struct server *server, const struct config *config, const sigset_t *signals)
{
    bool said = false;

    for (;;) {
        char *text = NULL;
        int r = startup_ask(config, server->search_path, server->service.cursor_key, &server->service.offers, &text);

        if (r != -EAGAIN)
            return say(r, text);
        if (!said)
            log_line(LOG_WARNING, "%s Waiting.", text ? text : "The database is not ready.");
        said = true;
        free(text);
        if (take_signal(signals, RETRY_MS))
            return 1;
    }
}

/* Each reply schema against what its statement answers, as the first worker's connection has learnt it. */
static int bind_replies(struct server *server)
{
    int r = 0;

    server->service.bindings = calloc(contract.n_operations + 1, sizeof *server->service.bindings);
    if (!server->service.bindings)
        return -ENOMEM;
    for (size_t i = 0; i < contract.n_operations && !r; i++) {
        const struct operation *operation = &contract.operations[i];
        const PGresult *description = NULL;
        char *text = NULL;

        if (!operation->statement)
            continue;
        r = db_describe(server->workers[0]->db, operation->statement, &description);
        if (!r)
            r = binding_new(operation, description, &server->service.bindings[operation->index], &text);
        say(r, text);
    }
    for (unsigned i = 0; i < server->n_workers; i++)
        db_forget_descriptions(server->workers[i]->db);
    malloc_trim(0);
    return r;
}

static int make_workers(struct server *server, const struct config *config)
{
    int r = 0;

    server->workers = calloc(config->workers, sizeof *server->workers);
    server->metrics = calloc(config->workers, sizeof *server->metrics);
    if (!server->workers || !server->metrics)
        return -ENOMEM;
    for (unsigned i = 0; i < config->workers && !r; i++) {
        char *text = NULL;

        r = worker_new(&server->service, i, server->listen_fds[i], &server->workers[i], &text);
        say(r, text);
        if (!r)
            server->metrics[i] = server->workers[i]->metrics;
        server->n_workers += !r;
    }
    return r ? r : bind_replies(server);
}

static int start_jobs(struct server *server, const struct config *config)
{
    const struct jobs_settings settings = {
        .url = config->database_url,
        .search_path = server->search_path,
        .zone = config->zone,
        .workers = server->workers,
        .n_workers = server->n_workers,
        .wake = worker_wake,
    };

    return say(jobs_start(&settings, &server->service.jobs), NULL);
}

static int start_webhooks(struct server *server, const struct config *config)
{
    const struct webhooks_settings settings = {
        .url = config->database_url,
        .search_path = server->search_path,
        .zone = config->zone,
        .rules = &server->service.webhook_rules,
        .ca_file = config->webhook_ca_file,
        .timeout_ms = config->webhook_timeout_ms,
        .parallel = config->webhook_parallel,
        .metrics = &server->webhook_metrics,
    };

    return say(webhooks_start(&settings, &server->webhooks), NULL);
}

static int start_threads(struct server *server, const struct config *config)
{
    int r = start_jobs(server, config);

    if (!r)
        r = start_webhooks(server, config);
    if (!r)
        r = listen_open(server->listen_fds, config->workers);
    for (unsigned i = 0; i < server->n_workers && !r; i++) {
        r = worker_start(server->workers[i]);
        /* The daemon closes its socket; one that did not start has closed it too. */
        server->listen_fds[i] = -1;
    }
    if (!r && server->metrics_fd >= 0) {
        r = listen_open(&server->metrics_fd, 1);
        server->metrics_server =
            r ? NULL : metrics_serve(server->metrics, server->n_workers, &server->webhook_metrics, server->metrics_fd);
        if (!server->metrics_server)
            r = -EIO;
        else
            server->metrics_fd = -1;
    }
    return r;
}

/* Not ready first; the workers answer who waits, finish what runs, and end. */
static void stop_threads(struct server *server)
{
    atomic_store(&server->service.draining, true);
    for (unsigned i = 0; i < server->n_workers; i++)
        worker_stop(server->workers[i]);
    for (unsigned i = 0; i < server->n_workers; i++)
        worker_join(server->workers[i]);
    server->webhooks = webhooks_stop(server->webhooks);
    server->service.jobs = jobs_stop(server->service.jobs);
    server->metrics_server = metrics_stop(server->metrics_server);
}

static void clear(struct server *server, const struct config *config)
{
    for (unsigned i = 0; server->workers && i < server->n_workers; i++)
        worker_free(server->workers[i]);
    for (unsigned i = 0; server->listen_fds && i < config->workers; i++)
        if (server->listen_fds[i] >= 0)
            close(server->listen_fds[i]);
    if (server->metrics_fd >= 0)
        close(server->metrics_fd);
    for (size_t i = 0; server->service.bindings && i < contract.n_operations; i++)
        binding_free(server->service.bindings[i]);
    router_free(server->service.router);
    offers_free(server->service.offers);
    free(server->service.bindings);
    free(server->workers);
    free(server->metrics);
    free(server->listen_fds);
    free(server->search_path);
}

static int prepare_store(const struct config *config)
{
    char *text = NULL;
    int r = config->attachments_dir[0] ? store_prepare(config->attachments_dir, &text) : 0;

    say(r, text);
    return r;
}

static int start(struct server *server, const struct config *config, const sigset_t *signals)
{
    int r = bind_sockets(server, config);

    if (!r)
        r = prepare_store(config);
    if (!r)
        r = wait_for_database(server, config, signals);
    if (!r)
        r = make_workers(server, config);
    return r ? r : start_threads(server, config);
}

static void run(struct server *server, const struct config *config, const sigset_t *signals)
{
    log_line(LOG_INFO, "whistled %s listens on %s with %u workers", contract.version, config->listen, config->workers);
    while (!take_signal(signals, 3600 * 1000))
        ;
    log_line(LOG_INFO, "draining: requests that run have %u ms", config->drain_timeout_ms);
    /* Another signal ends the process at once. */
    pthread_sigmask(SIG_UNBLOCK, signals, NULL);
    stop_threads(server);
    log_line(LOG_INFO, "stopped");
}

int serve_main(const struct config *config)
{
    struct server server = {.service.config = config, .metrics_fd = -1};
    sigset_t signals = block_signals();
    int r = -ENOMEM;

    raise_limits(config);
    /* Fixed, or malloc raises it: the tables of the workers are to have no memory before they are written. */
    mallopt(M_MMAP_THRESHOLD, MAPPED_FROM);
    server.search_path = startup_search_path();
    server.service.search_path = server.search_path;
    /* config_check has found them well. */
    address_parse_networks(config->webhook_allow, &server.service.webhook_rules);
    address_parse_ports(config->webhook_ports, &server.service.webhook_rules);
    server.service.library_is_old = !strcmp(MHD_get_version(), "0.9.75");
    server.service.router = router_new(contract.operations, contract.n_operations);
    if (server.search_path && server.service.router && validate_start() == 0)
        r = start(&server, config, &signals);
    if (!r)
        run(&server, config, &signals);
    else
        stop_threads(&server);
    clear(&server, config);
    validate_stop();
    return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int check_part(const char *name, int r, char *text)
{
    printf("%s: %s\n", name, r ? text ? text : strerror(-r) : "ok");
    free(text);
    return r ? 1 : 0;
}

static int check_folder(const char *name, const char *path, int mode)
{
    if (!path[0])
        return 0;
    return check_part(name, access(path, mode) < 0 ? -errno : 0, NULL);
}

int serve_check(const struct config *config)
{
    unsigned char key[CURSOR_KEY_SIZE];
    char *search_path = startup_search_path();
    char *text = NULL;
    struct auth_settings settings = worker_auth_settings(config);
    struct auth *auth = NULL;
    struct offers *offers = NULL;
    int failed, r;

    config_print(config, stdout);
    r = auth_new(&settings, &auth, &text);
    failed = check_part("keys", r, text);
    auth_free(auth);
    text = NULL;
    r = search_path ? startup_ask(config, search_path, key, &offers, &text) : -ENOMEM;
    offers_free(offers);
    failed += check_part("database", r, text);
    failed += check_folder("attachments_dir", config->attachments_dir, R_OK | W_OK | X_OK);
    failed += check_folder("docs_dir", config->docs_dir, R_OK | X_OK);
    failed += check_folder("webhook_ca_file", config->webhook_ca_file, R_OK);
    free(search_path);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
