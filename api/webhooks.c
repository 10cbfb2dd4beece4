/* webhooks.c — messages are made from the feed, claimed, posted, and what became of them is written down. Between two
 * writes everything stands in the database but what is on its way: a killed sender loses nothing, and its successor
 * sends again, under the same ids, exactly what was on its way.
 */
#include "webhooks.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "db_internal.h"
#include "jobs_lease.h"
#include "log.h"
#include "uuid.h"
#include "webhook_delivery.h"

enum {
    READ_PAUSE_MS = 50, /* the feed tells of news; it is read at most so often */
    POLL_MS = 1000,     /* retries fall due, notifications get lost */
    FIGURES_MS = 15000,
    SWEEP_MS = 10 * 60 * 1000,
    END_MS = 3000,       /* for what is on its way when the instance ends */
    SETTLE_FAILURES = 5, /* then the messages are sent again rather than never settled */
    CLAIM_SIZE = 256 * 1024,
};

#define READ_ROWS "500"
#define SWEEP_ROWS "2000"

struct webhooks {
    struct webhooks_settings settings;
    char holder[UUID_SIZE];
    struct session session;
    struct lease lease;
    long long epoch; /* under which all below was claimed */
    struct sender *sender;
    /* On its way; answered; handed to the database, which takes its time while others are answered. */
    struct deliveries under_way, ended, writing;
    unsigned settle_failures;
    bool news, more;
    uint64_t rest_ms; /* the feed is not read before, whoever tells of news */
    uint64_t read_ms, claim_ms, tickets_ms, figures_ms, sweep_ms;
    atomic_bool ending;
    pthread_t thread;
    bool started;
};

/* Everything on its way or not written down belongs to whoever has the lease now: they find it due. */
static void drop_all(struct webhooks *webhooks)
{
    sender_cancel_all(webhooks->sender);
    deliveries_free(&webhooks->under_way);
    deliveries_free(&webhooks->ended);
    deliveries_free(&webhooks->writing);
    webhooks->settle_failures = 0;
}

static unsigned not_settled(const struct webhooks *webhooks)
{
    return webhooks->ended.n + webhooks->writing.n;
}

/* What became of it */

static void log_attempt(const struct delivery *delivery)
{
    const struct sending *sending = &delivery->sending;
    const struct log_field fields[] = {
        LOG_TEXT("tenant", delivery->tenant),
        LOG_TEXT("webhook", delivery->webhook_id),
        LOG_TEXT("delivery", sending->id),
        LOG_TEXT("result", send_error_name(sending->error)),
        LOG_NUMBER("status", sending->status),
        LOG_NUMBER("ms", sending->duration_ms),
        {.name = NULL},
    };

    log_event(sending->error == SEND_OK ? LOG_DEBUG : LOG_INFO, "webhook", fields);
}

static void delivered(void *context, struct sending *sending)
{
    struct webhooks *webhooks = context;
    struct delivery *delivery = (struct delivery *)sending;

    webhook_metrics_attempt(webhooks->settings.metrics, sending->error, sending->duration_ms);
    log_attempt(delivery);
    deliveries_remove(&webhooks->under_way, delivery);
    deliveries_add(&webhooks->ended, delivery);
}

/* "<tenant> <webhook> <reason>, …" */
static void tell_disabled(struct webhooks *webhooks, const char *names)
{
    unsigned n = 1;

    if (!*names)
        return;
    for (const char *c = names; *c; c++)
        n += *c == ',';
    webhook_metrics_count(&webhooks->settings.metrics->disabled, n);
    log_line(LOG_WARNING, "webhooks switched off: %s", names);
}

/* A lost connection keeps what is to be written: it is written by the next one, if the lease is still ours. */
static void settle(struct webhooks *webhooks)
{
    char epoch[24];
    const char *values[] = {webhooks->holder, epoch, NULL};
    char *outcomes;
    PGresult *result;

    if (!webhooks->writing.n) {
        webhooks->writing = webhooks->ended;
        webhooks->ended = (struct deliveries){.n = 0};
    }
    outcomes = webhooks->writing.n ? deliveries_outcomes(&webhooks->writing) : NULL;
    if (!outcomes)
        return;
    snprintf(epoch, sizeof epoch, "%lld", webhooks->epoch);
    values[2] = outcomes;
    result = session_run(&webhooks->session, "SELECT webhook_settle($1, $2::bigint, $3::jsonb)", 3, values);
    free(outcomes);
    if (PQntuples(result) > 0 && !PQgetisnull(result, 0, 0)) {
        tell_disabled(webhooks, PQgetvalue(result, 0, 0));
        deliveries_free(&webhooks->writing);
        webhooks->settle_failures = 0;
        webhooks->claim_ms = webhooks->tickets_ms = 0;
    } else if (result) {
        lease_lost(&webhooks->lease);
    } else if (webhooks->session.pg && ++webhooks->settle_failures >= SETTLE_FAILURES) {
        deliveries_free(&webhooks->writing);
        webhooks->settle_failures = 0;
    }
    PQclear(result);
}

/* What is to be sent */

static void begin(struct webhooks *webhooks, struct delivery *delivery)
{
    int r;

    deliveries_add(&webhooks->under_way, delivery);
    r = sender_begin(webhooks->sender, &delivery->sending);
    if (!r)
        return;
    log_line(LOG_ERROR, "webhooks: a message cannot be sent: %s", strerror(-r));
    delivery->sending.error = SEND_INTERNAL;
    delivered(webhooks, &delivery->sending);
}

static PGresult *ask_claim(struct webhooks *webhooks, unsigned most)
{
    const struct deliveries *busy[] = {&webhooks->under_way, &webhooks->ended, &webhooks->writing};
    struct arena *arena = arena_new(CLAIM_SIZE);
    char epoch[24], room[16], all[16];
    const char *values[] = {webhooks->holder, epoch, NULL, NULL, room, all};
    PGresult *result = NULL;

    snprintf(epoch, sizeof epoch, "%lld", webhooks->epoch);
    snprintf(room, sizeof room, "%u", most);
    snprintf(all, sizeof all, "%u", webhooks->settings.parallel);
    if (arena && !deliveries_names(busy, 3, arena, &values[2], &values[3]))
        result = session_run(&webhooks->session,
                             "SELECT * FROM webhook_claim($1, $2::bigint, $3::text[], $4::uuid[], $5::integer,"
                             " $6::integer)",
                             6, values);
    arena_free(arena);
    return result;
}

static void claim(struct webhooks *webhooks, uint64_t now_ms)
{
    unsigned busy = webhooks->under_way.n + not_settled(webhooks);
    unsigned most = webhooks->settings.parallel > busy ? webhooks->settings.parallel - busy : 0;
    PGresult *result;

    if (now_ms < webhooks->claim_ms || !most)
        return;
    webhooks->claim_ms = now_ms + POLL_MS;
    result = ask_claim(webhooks, most);
    for (int row = 0; row < PQntuples(result); row++) {
        struct delivery *delivery = delivery_new(result, row);

        if (delivery)
            begin(webhooks, delivery);
    }
    PQclear(result);
}

/* A turn */

static void hear(struct webhooks *webhooks)
{
    PGnotify *notify;

    while (webhooks->session.pg != NULL && (notify = PQnotifies(webhooks->session.pg)) != NULL) {
        webhooks->news = true;
        PQfreemem(notify);
    }
}

/* Positions that the feed has given since. */
static void read_feed(struct webhooks *webhooks, uint64_t now_ms)
{
    long long n;

    if (webhooks->news && webhooks->read_ms > webhooks->rest_ms)
        webhooks->read_ms = webhooks->rest_ms;
    if (now_ms < webhooks->read_ms && !webhooks->more)
        return;
    webhooks->news = false;
    webhooks->rest_ms = now_ms + READ_PAUSE_MS;
    webhooks->read_ms = now_ms + POLL_MS;
    n = lease_run(&webhooks->lease, &webhooks->session, "SELECT webhook_read($1, $2::bigint, $3::integer)", READ_ROWS);
    webhooks->more = n > 0;
    /* Somebody may also have pinged, or sent again. */
    webhooks->claim_ms = 0;
}

/* Tickets that did not reach their department, or did after all. */
static void settle_tickets(struct webhooks *webhooks, uint64_t now_ms)
{
    if (now_ms < webhooks->tickets_ms)
        return;
    webhooks->tickets_ms = now_ms + POLL_MS;
    if (lease_run(&webhooks->lease, &webhooks->session, "SELECT webhook_tickets_tick($1, $2::bigint)", NULL) > 0)
        webhooks->tickets_ms = now_ms;
}

static void take_figures(struct webhooks *webhooks, uint64_t now_ms)
{
    PGresult *result;

    if (now_ms < webhooks->figures_ms)
        return;
    webhooks->figures_ms = now_ms + FIGURES_MS;
    result = session_run(&webhooks->session, "SELECT * FROM webhook_waiting()", 0, NULL);
    if (PQntuples(result) == 1) {
        webhook_metrics_set(&webhooks->settings.metrics->due, strtoull(PQgetvalue(result, 0, 0), NULL, 10));
        webhook_metrics_set(&webhooks->settings.metrics->oldest_s, strtoull(PQgetvalue(result, 0, 1), NULL, 10));
    }
    PQclear(result);
}

static void sweep(struct webhooks *webhooks, uint64_t now_ms)
{
    if (now_ms < webhooks->sweep_ms)
        return;
    webhooks->sweep_ms = now_ms + SWEEP_MS;
    if (lease_run(&webhooks->lease, &webhooks->session, "SELECT webhook_sweep($1, $2::bigint, $3::integer)",
                  SWEEP_ROWS) > 0)
        webhooks->sweep_ms = now_ms;
}

static bool is_ending(struct webhooks *webhooks)
{
    return atomic_load(&webhooks->ending);
}

static void show(struct webhooks *webhooks, bool sending)
{
    struct webhook_metrics *metrics = webhooks->settings.metrics;

    webhook_metrics_set(&metrics->sending, sending);
    webhook_metrics_set(&metrics->under_way, webhooks->under_way.n);
    if (!sending) {
        webhook_metrics_set(&metrics->due, 0);
        webhook_metrics_set(&metrics->oldest_s, 0);
    }
}

static bool hold(struct webhooks *webhooks, uint64_t now_ms)
{
    if (!lease_hold(&webhooks->lease, &webhooks->session, now_ms)) {
        /* Without an answer it may still be ours: the next one tells. */
        if (webhooks->session.pg)
            drop_all(webhooks);
        return false;
    }
    if (webhooks->epoch != webhooks->lease.epoch) {
        drop_all(webhooks);
        webhooks->epoch = webhooks->lease.epoch;
        webhooks->read_ms = webhooks->claim_ms = webhooks->tickets_ms = webhooks->figures_ms = 0;
        webhooks->sweep_ms = now_ms + SWEEP_MS / 10;
    }
    return true;
}

static void turn(struct webhooks *webhooks, uint64_t now_ms)
{
    bool ours = hold(webhooks, now_ms);

    if (ours)
        settle(webhooks);
    if (ours && !is_ending(webhooks)) {
        read_feed(webhooks, now_ms);
        settle_tickets(webhooks, now_ms);
        claim(webhooks, now_ms);
        take_figures(webhooks, now_ms);
        sweep(webhooks, now_ms);
    }
    show(webhooks, ours);
}

static uint64_t next_ms(const struct webhooks *webhooks, uint64_t now_ms)
{
    uint64_t until_ms = now_ms + POLL_MS;

    if (webhooks->session.pg == NULL)
        return webhooks->session.retry_at_ms;
    if (!webhooks->lease.epoch)
        return webhooks->lease.next_ms; /* whatever is new is another's to do */
    if (webhooks->read_ms < until_ms)
        until_ms = webhooks->read_ms;
    if (webhooks->news && webhooks->rest_ms < until_ms)
        until_ms = webhooks->rest_ms;
    if (webhooks->more || not_settled(webhooks))
        until_ms = now_ms;
    return until_ms;
}

static void connected(struct webhooks *webhooks)
{
    lease_lost(&webhooks->lease);
    webhooks->news = true;
    PQclear(session_run(&webhooks->session, "LISTEN whistled_webhooks", 0, NULL));
}

/* All is told and nothing is on its way: the next instance need not wait for the lease to run out. */
static bool may_end(struct webhooks *webhooks)
{
    char epoch[24];
    const char *values[] = {webhooks->holder, epoch};

    if (webhooks->under_way.n || not_settled(webhooks))
        return false;
    snprintf(epoch, sizeof epoch, "%lld", webhooks->epoch);
    PQclear(session_run(&webhooks->session, "SELECT webhook_lease_end($1, $2::bigint)", 2, values));
    return true;
}

static void *run(void *context)
{
    struct webhooks *webhooks = context;
    uint64_t end_ms = 0;

    while (!atomic_load(&webhooks->session.stop)) {
        uint64_t now_ms = db_now_ms();
        bool anew, stands = session_stands(&webhooks->session, now_ms, &anew);

        if (anew)
            connected(webhooks);
        if (stands)
            turn(webhooks, now_ms);
        hear(webhooks);
        if (is_ending(webhooks)) {
            end_ms = end_ms ? end_ms : now_ms + END_MS;
            if (now_ms >= end_ms || may_end(webhooks))
                break;
        }
        session_sleep(&webhooks->session, next_ms(webhooks, now_ms));
        hear(webhooks);
    }
    drop_all(webhooks);
    session_close(&webhooks->session);
    return NULL;
}

static void turn_sender(void *context)
{
    struct webhooks *webhooks = context;

    sender_turn(webhooks->sender);
}

static int set_up(struct webhooks *webhooks)
{
    const struct webhooks_settings *settings = &webhooks->settings;
    const struct sender_settings sender = {
        .rules = settings->rules,
        .ca_file = settings->ca_file,
        .timeout_ms = settings->timeout_ms,
        .user_agent = "whistled",
        .done = delivered,
        .context = webhooks,
    };
    int r = sender_new(&sender, &webhooks->sender);

    if (!r)
        r = uuid_new(webhooks->holder);
    if (r)
        return r;
    webhooks->lease = (struct lease){.name = "messages", .holder = webhooks->holder};
    webhooks->session.url = settings->url;
    webhooks->session.search_path = settings->search_path;
    webhooks->session.zone = settings->zone;
    webhooks->session.application_name = "whistled webhooks";
    webhooks->session.channel = "whistled_feed";
    webhooks->session.bell_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    webhooks->session.other_fd = sender_fd(webhooks->sender);
    webhooks->session.other = turn_sender;
    webhooks->session.other_context = webhooks;
    return webhooks->session.bell_fd < 0 ? -errno : 0;
}

int webhooks_start(const struct webhooks_settings *settings, struct webhooks **ret_webhooks)
{
    struct webhooks *webhooks = calloc(1, sizeof *webhooks);
    int r;

    if (!webhooks)
        return -ENOMEM;
    webhooks->settings = *settings;
    webhooks->session.bell_fd = -1;
    r = set_up(webhooks);
    if (!r && settings->parallel) {
        r = -pthread_create(&webhooks->thread, NULL, run, webhooks);
        webhooks->started = !r;
    }
    if (r) {
        webhooks_stop(webhooks);
        return r;
    }
    *ret_webhooks = webhooks;
    return 0;
}

static void ring(int bell_fd)
{
    const uint64_t one = 1;

    /* It fails only when it has rung 2^64 times unheard. */
    if (write(bell_fd, &one, sizeof one) < 0)
        return;
}

/* A database that does not answer is not waited for. */
static void join(struct webhooks *webhooks)
{
    struct timespec until;

    atomic_store(&webhooks->ending, true);
    ring(webhooks->session.bell_fd);
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += END_MS / 1000 + 1;
    if (!pthread_timedjoin_np(webhooks->thread, NULL, &until))
        return;
    atomic_store(&webhooks->session.stop, true);
    ring(webhooks->session.bell_fd);
    pthread_join(webhooks->thread, NULL);
}

struct webhooks *webhooks_stop(struct webhooks *webhooks)
{
    if (webhooks == NULL)
        return NULL;
    if (webhooks->started)
        join(webhooks);
    sender_free(webhooks->sender);
    if (webhooks->session.bell_fd >= 0)
        close(webhooks->session.bell_fd);
    free(webhooks);
    return NULL;
}
