/* jobs.c — the background threads: one drains the outbox and hands on what others drained, one keeps the clocks,
 * counts the figures, sweeps, and makes months ahead. They have a connection each, so that a long sweep does not make
 * anybody wait for news.
 */
#include "jobs.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "db_internal.h"
#include "jobs_lease.h"
#include "log.h"
#include "uuid.h"

enum {
    DRAIN_PAUSE_MS = 25, /* the drain notifies; at most so often, for each wakes every instance */
    DRAIN_POLL_MS = 100,
    DRAIN_ALL_MS = 10000, /* at the latest then, and at most a twentieth of the time, also ids that have settled */
    DRAIN_ALL_SHARE = 20,
    CLOCK_MS = 1000,
    FIGURES_MS = 1000, /* counted together, a case that changes often costs one look */
    SWEEP_MS = 10 * 60 * 1000,
    SWEEP_MORE_MS = 1000, /* a part at a time */
    HISTORY_MS = 60 * 60 * 1000,
    IDLE_MS = 60 * 1000,
};

/* Of each street in one transaction, and of each table. */
#define DRAIN_ROWS 1000
#define FIGURE_CASES 2000
#define SWEEP_ROWS 50000
#define TEXT_OF(number) #number
#define AS_TEXT(number) TEXT_OF(number)

struct job {
    struct jobs *jobs;
    struct session session;
    struct lease lease;       /* drain, clock */
    struct lease sweep_lease; /* of the clock's thread */
    uint64_t due_ms;          /* the next drain or tick */
    uint64_t figures_ms;      /* the next look at the figures, no later than a tick */
    uint64_t rest_ms;         /* no drain before, whoever hints */
    uint64_t all_ms;          /* the next drain that looks at all ids */
    uint64_t sweep_ms;
    uint64_t history_ms;
    pthread_t thread;
    bool started;
};

struct jobs {
    struct jobs_settings settings;
    char holder[UUID_SIZE];
    struct job feed, clock;
};

static void wake_all(struct jobs *jobs, const char *tenant, const char *keys)
{
    for (unsigned i = 0; i < jobs->settings.n_workers; i++)
        jobs->settings.wake(jobs->settings.workers[i], tenant, keys);
}

/* "<tenant> <keys>" */
static void hand_on(struct jobs *jobs, char *payload)
{
    char *blank = strchr(payload, ' ');

    if (blank == NULL)
        return;
    *blank = '\0';
    wake_all(jobs, payload, blank + 1);
}

static void hand_on_all(struct job *job)
{
    PGnotify *notify;

    while (job->session.pg != NULL && (notify = PQnotifies(job->session.pg)) != NULL) {
        hand_on(job->jobs, notify->extra);
        PQfreemem(notify);
    }
}

/* Gives what was committed its position and tells who waits for it. */
static long long drain(struct job *job, uint64_t now_ms)
{
    bool all = now_ms >= job->all_ms;
    long long n = lease_run(&job->lease, &job->session,
                            all ? "SELECT outbox_drain($1, $2::bigint, $3::integer, true)"
                                : "SELECT outbox_drain($1, $2::bigint, $3::integer, false)",
                            AS_TEXT(DRAIN_ROWS));
    uint64_t spent_ms = db_now_ms() - now_ms;

    if (all && n >= 0)
        job->all_ms = now_ms + DRAIN_ALL_MS + spent_ms * DRAIN_ALL_SHARE;
    return n;
}

static void feed_turn(struct job *job, uint64_t now_ms)
{
    long long n;

    if (!lease_hold(&job->lease, &job->session, now_ms)) {
        job->session.hinted = false; /* who holds it polls */
        job->due_ms = job->lease.next_ms;
        return;
    }
    if (job->session.hinted && job->due_ms > job->rest_ms)
        job->due_ms = job->rest_ms;
    if (now_ms < job->due_ms)
        return;
    job->session.hinted = false;
    n = drain(job, now_ms);
    /* More than one part waits: no rest before it is worn off. */
    job->rest_ms = n < DRAIN_ROWS ? now_ms + DRAIN_PAUSE_MS : now_ms;
    job->due_ms = n > 0 ? job->rest_ms : now_ms + DRAIN_POLL_MS;
}

static void *feed_main(void *context)
{
    struct job *job = context;

    while (!atomic_load(&job->session.stop)) {
        uint64_t now_ms = db_now_ms(), until_ms = now_ms + DRAIN_POLL_MS;
        bool anew;

        if (session_stands(&job->session, now_ms, &anew)) {
            if (anew) { /* nobody told us what happened meanwhile */
                lease_lost(&job->lease);
                job->all_ms = 0;
                wake_all(job->jobs, NULL, NULL);
            }
            feed_turn(job, now_ms);
            hand_on_all(job);
            until_ms = job->due_ms;
        }
        session_sleep(&job->session, until_ms);
        hand_on_all(job);
    }
    session_close(&job->session);
    return NULL;
}

static void sweep_turn(struct job *job, uint64_t now_ms)
{
    long long n = 0;

    if (now_ms < job->sweep_ms)
        return;
    if (lease_hold(&job->sweep_lease, &job->session, now_ms))
        n = lease_run(&job->sweep_lease, &job->session, "SELECT sweep($1, $2::bigint, $3::integer)",
                      AS_TEXT(SWEEP_ROWS));
    job->sweep_ms = now_ms + (n >= SWEEP_ROWS ? SWEEP_MORE_MS : SWEEP_MS);
}

/* The months of the history, ahead of time: once in a month there is one to make. */
static void history_turn(struct job *job, uint64_t now_ms)
{
    if (now_ms < job->history_ms)
        return;
    if (lease_hold(&job->sweep_lease, &job->session, now_ms))
        lease_run(&job->sweep_lease, &job->session, "SELECT history_kept($1, $2::bigint)", NULL);
    job->history_ms = now_ms + HISTORY_MS;
}

/* Figures, from the feed; between two parts of them the clocks have their turn. */
static void figures_turn(struct job *job, uint64_t now_ms)
{
    const char *const values[] = {AS_TEXT(FIGURE_CASES)};

    if (now_ms < job->figures_ms)
        return;
    if (session_run_number(&job->session, "SELECT stats_tick($1::integer)", 1, values) >= FIGURE_CASES)
        job->due_ms = now_ms;
    else
        job->figures_ms = now_ms + FIGURES_MS;
}

static void clock_turn(struct job *job, uint64_t now_ms)
{
    if (!lease_hold(&job->lease, &job->session, now_ms)) {
        job->due_ms = job->lease.next_ms;
        return;
    }
    if (now_ms < job->due_ms)
        return;
    job->due_ms = now_ms + CLOCK_MS;
    if (session_run_number(&job->session, "SELECT clock_tick(NULL)", 0, NULL) > 0) {
        jobs_hint(job->jobs);
        job->due_ms = now_ms; /* it does a part at a time: there may be more */
    }
    figures_turn(job, now_ms);
}

static void *clock_main(void *context)
{
    struct job *job = context;

    while (!atomic_load(&job->session.stop)) {
        uint64_t now_ms = db_now_ms(), until_ms;
        bool anew;

        if (session_stands(&job->session, now_ms, &anew)) {
            if (anew)
                lease_lost(&job->lease);
            clock_turn(job, now_ms);
            sweep_turn(job, now_ms);
            history_turn(job, now_ms);
        }
        until_ms = job->session.pg != NULL ? job->due_ms : job->session.retry_at_ms;
        session_sleep(&job->session, until_ms);
    }
    session_close(&job->session);
    return NULL;
}

static int job_init(struct job *job, struct jobs *jobs, const char *lease, const char *application_name)
{
    job->jobs = jobs;
    job->lease = (struct lease){.name = lease, .holder = jobs->holder};
    job->sweep_lease = (struct lease){.name = "sweep", .holder = jobs->holder};
    job->session.url = jobs->settings.url;
    job->session.search_path = jobs->settings.search_path;
    job->session.zone = jobs->settings.zone;
    job->session.application_name = application_name;
    job->session.bell_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    job->sweep_ms = db_now_ms() + IDLE_MS;
    return job->session.bell_fd < 0 ? -errno : 0;
}

static int job_start(struct job *job, void *(*run)(void *context))
{
    int r = pthread_create(&job->thread, NULL, run, job);

    job->started = r == 0;
    return -r;
}

int jobs_start(const struct jobs_settings *settings, struct jobs **ret_jobs)
{
    struct jobs *jobs = calloc(1, sizeof(*jobs));
    int r;

    if (jobs == NULL)
        return -ENOMEM;
    jobs->settings = *settings;
    jobs->feed.session.bell_fd = jobs->clock.session.bell_fd = -1;
    r = uuid_new(jobs->holder);
    if (r == 0)
        r = job_init(&jobs->feed, jobs, "feed", "whistled feed");
    if (r == 0)
        r = job_init(&jobs->clock, jobs, "clock", "whistled clock");
    jobs->feed.session.channel = "whistled_feed";
    if (r == 0)
        r = job_start(&jobs->feed, feed_main);
    if (r == 0)
        r = job_start(&jobs->clock, clock_main);
    if (r < 0) {
        jobs_stop(jobs);
        return r;
    }
    *ret_jobs = jobs;
    return 0;
}

static void ring(int bell_fd)
{
    const uint64_t one = 1;

    /* It fails only when it has rung 2^64 times unheard. */
    if (write(bell_fd, &one, sizeof(one)) < 0)
        return;
}

void jobs_hint(struct jobs *jobs)
{
    ring(jobs->feed.session.bell_fd);
}

static void job_stop(struct job *job)
{
    atomic_store(&job->session.stop, true);
    if (job->started) {
        ring(job->session.bell_fd);
        pthread_join(job->thread, NULL);
    }
    if (job->session.bell_fd >= 0)
        close(job->session.bell_fd);
}

struct jobs *jobs_stop(struct jobs *jobs)
{
    if (jobs == NULL)
        return NULL;
    job_stop(&jobs->clock); /* it rings the other's bell */
    job_stop(&jobs->feed);
    free(jobs);
    return NULL;
}
