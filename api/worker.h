/* worker.h — one thread: an epoll, an MHD daemon, its own database connections. Shares nothing, takes no lock. */
#ifndef WHISTLED_WORKER_H
#define WHISTLED_WORKER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "auth.h"
#include "connection.h"
#include "db.h"
#include "encode.h"
#include "event.h"
#include "hooks.h"
#include "metrics.h"
#include "pace.h"
#include "rate.h"
#include "service.h"
#include "stream.h"
#include "wait.h"

struct MHD_Daemon;
struct exporting;
struct filer;
struct names;
struct wake;

enum worker_phase { WORKER_RUNNING, WORKER_NOT_READY, WORKER_DRAINING, WORKER_STOPPED };

struct worker {
    unsigned index;
    const struct service *service;
    int epoll_fd, listen_fd;
    int blank_fd; /* a socket to nowhere: see connection_hand_over */
    struct MHD_Daemon *daemon;
    struct event_source daemon_source;
    bool daemon_due; /* MHD_run has something to do this turn */
    struct db *db;
    struct auth *auth;
    struct zone *zone;
    struct connections connections;
    struct hooks *hooks;
    struct waiters *waiters;
    struct pace pace; /* of waits and streams */
    struct streams *streams;
    struct names *names;
    struct rates *rates;        /* of citizens */
    struct rates *client_rates; /* of machines, by token or key */
    struct rates *public_rates; /* of all who call without either, together */
    struct rates *failures;     /* of secrets and keys that are wrong, by the client they were tried on */
    struct metrics *metrics;
    struct filer *filer;
    unsigned uploads, form_uploads; /* under way */
    struct exporting *exports;      /* likewise, whose turn is next comes first */
    uint64_t now_ms;                /* CLOCK_MONOTONIC at the turn's begin */
    enum worker_phase phase;
    uint64_t phase_end_ms;
    pthread_t thread;
    bool started;

    /* The only parts that other threads touch. */
    struct event_source bell_source;
    int bell_fd;
    _Atomic(struct wake *) inbox;
    atomic_bool stop;
};

/* Everything but the thread. 0, or -Exxx with a sentence (malloc'ed) in reterr_text. `listen_fd` stays the caller's
 * until worker_start; a worker made without success leaves nothing behind. */
int worker_new(const struct service *service, unsigned index, int listen_fd, struct worker **ret_worker,
               char **reterr_text);
int worker_start(struct worker *worker);
/* From any thread: begins to drain (once), and the thread ends when it is done. */
void worker_stop(struct worker *worker);
void worker_join(struct worker *worker);
/* Joins the thread, if it ran, and frees. */
struct worker *worker_free(struct worker *worker);

/* From any thread: what waits under these keys of the tenant ("o:dept,g:grid") runs its statement again. `keys` NULL:
 * all of the tenant; `tenant` NULL: all. Never blocks; when memory is out the waiters hear of it at the end of their
 * wait. */
void worker_wake(struct worker *worker, const char *tenant, const char *keys);

struct auth_settings worker_auth_settings(const struct config *config);

uint64_t worker_clock_ms(void);
uint64_t worker_clock_us(void);

#endif
