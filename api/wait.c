/* wait.c — requests that hang under Prefer: wait: who is asleep, who was woken, whose statement runs. */
#include "wait.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "worker.h"

/* MAX_RUNNING at the same time: whoever is woken with thousands must not push aside those who ask. */
enum { MARGIN_MS = 150, MAX_RUNNING = 32, SEEN = 4096 };

/* FIRST: its statement was sent before it hung. RESTING: it has looked a moment ago, and looks again when that is over
 * if something happened meanwhile. */
enum waiter_state { WAITER_FIRST, WAITER_ASLEEP, WAITER_RESTING, WAITER_READY, WAITER_RUNNING };

struct waiter {
    struct hanger hanger;
    struct waiter **place, *next;                 /* in the list of all */
    struct waiter *next_listed, *previous_listed; /* of those that rest, or are ready */
    struct waiters *waiters;
    struct request *request;
    uint64_t deadline_ms, rest_ms;
    enum waiter_state state;
    bool parked; /* came back too soon: hangs nowhere, and has not looked */
    bool woken;  /* something happened while its statement ran, or while it rested */
    bool over;   /* its time is up */
};

struct waiter_list {
    struct waiter *first, *last;
};

/* Who was shown all there was, and until when that is news enough. */
struct seen {
    uint64_t who, until_ms;
};

struct waiters {
    struct hooks *hooks;
    void (*again)(struct request *request), (*over)(struct request *request);
    struct waiter *all;
    struct waiter_list resting, ready; /* resting: whose rest ends first comes first */
    unsigned n, limit, n_running;
    uint64_t next_ms; /* no wait ends before */
    struct seen seen[SEEN];
};

struct waiters *waiters_new(struct hooks *hooks, unsigned limit, void (*again)(struct request *request),
                            void (*over)(struct request *request))
{
    struct waiters *waiters = calloc(1, sizeof *waiters);

    if (waiters)
        *waiters =
            (struct waiters){.hooks = hooks, .again = again, .over = over, .limit = limit, .next_ms = UINT64_MAX};
    return waiters;
}

struct waiters *waiters_free(struct waiters *waiters)
{
    free(waiters);
    return NULL;
}

static struct waiter_list *list_of(const struct waiter *waiter)
{
    if (waiter->state == WAITER_RESTING)
        return &waiter->waiters->resting;
    return waiter->state == WAITER_READY ? &waiter->waiters->ready : NULL;
}

static void unlist(struct waiter *waiter, struct waiter_list *list)
{
    *(waiter->previous_listed ? &waiter->previous_listed->next_listed : &list->first) = waiter->next_listed;
    *(waiter->next_listed ? &waiter->next_listed->previous_listed : &list->last) = waiter->previous_listed;
}

/* To the end, or as near to it as its rest allows: nearly all end in the order in which they began. */
static void enlist(struct waiter *waiter, struct waiter_list *list)
{
    struct waiter *before = list->last;

    while (waiter->state == WAITER_RESTING && before && before->rest_ms > waiter->rest_ms)
        before = before->previous_listed;
    waiter->previous_listed = before;
    waiter->next_listed = before ? before->next_listed : list->first;
    *(before ? &before->next_listed : &list->first) = waiter;
    *(waiter->next_listed ? &waiter->next_listed->previous_listed : &list->last) = waiter;
}

/* The one place that moves a waiter from state to state. */
static void enter(struct waiter *waiter, enum waiter_state state)
{
    struct worker *worker = waiter->request->worker;

    if (list_of(waiter))
        unlist(waiter, list_of(waiter));
    if (waiter->state == WAITER_RUNNING) {
        waiter->waiters->n_running--;
        pace_end(&worker->pace, worker->now_ms);
    }
    if (state == WAITER_RUNNING) {
        waiter->waiters->n_running++;
        pace_begin(&worker->pace, PACE_WAITS, worker->now_ms);
    }
    waiter->state = state;
    if (list_of(waiter))
        enlist(waiter, list_of(waiter));
}

static void rest(struct waiter *waiter, uint64_t until_ms)
{
    waiter->rest_ms = until_ms;
    enter(waiter, WAITER_RESTING);
}

/* It looks again if something happened. */
static void go_on(struct waiter *waiter)
{
    enter(waiter, waiter->woken ? WAITER_READY : WAITER_ASLEEP);
    waiter->woken = false;
}

static void wake(struct hanger *hanger, bool rights)
{
    struct waiter *waiter = (struct waiter *)hanger;

    (void)rights; /* the statement says what is left of them */
    if (waiter->state == WAITER_ASLEEP)
        enter(waiter, WAITER_READY);
    else if (waiter->state != WAITER_READY)
        waiter->woken = true;
}

/* The end of the wait that was asked for, a little early so that the answer is there in time; never behind the token's.
 */
static uint64_t deadline_of(const struct request *request)
{
    uint64_t now_ms = request->worker->now_ms;
    uint64_t wait_ms = request->wait_s * 1000u - MARGIN_MS;
    int64_t left_s = request->actor->expires_at - (int64_t)time(NULL);

    if (request->wait_until_ms)
        return request->wait_until_ms;
    if (left_s < (int64_t)request->wait_s)
        wait_ms = left_s > 0 ? (uint64_t)left_s * 1000 : 0;
    return now_ms + wait_ms;
}

static void list_in(struct waiter *waiter)
{
    struct waiters *waiters = waiter->waiters;

    waiter->place = &waiters->all;
    waiter->next = waiters->all;
    if (waiter->next)
        waiter->next->place = &waiter->next;
    waiters->all = waiter;
    waiters->n++;
    if (waiter->deadline_ms < waiters->next_ms)
        waiters->next_ms = waiter->deadline_ms;
}

/* NULL: no room, no memory. */
static struct waiter *waiter_new(struct request *request)
{
    struct waiters *waiters = request->worker->waiters;
    struct waiter *waiter = waiters->n < waiters->limit ? arena_alloc(request->arena, sizeof *waiter) : NULL;

    if (waiter)
        *waiter = (struct waiter){
            .hanger = {.wake = wake, .tenant = request->actor->tenant},
            .waiters = waiters,
            .request = request,
            .deadline_ms = deadline_of(request),
        };
    return waiter;
}

bool wait_register(struct request *request, const PGresult *keys)
{
    struct waiter *waiter = waiter_new(request);

    if (!waiter || hooks_hang(waiter->waiters->hooks, &waiter->hanger, keys, /* column= */ 0, HOOKS_ALL))
        return false;
    list_in(waiter);
    request->waiter = waiter;
    return true;
}

/* Somebody's list. */
static uint64_t who_asks(const struct request *request)
{
    const char *const parts[] = {request->operation->id, request->actor->tenant, request->actor->subject};
    uint64_t hash = 14695981039346656037u;

    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        for (size_t k = 0; k <= strlen(parts[i]); k++) /* with its end */
            hash = (hash ^ (unsigned char)parts[i][k]) * 1099511628211u;
    return hash;
}

void wait_seen(struct request *request)
{
    uint64_t who = who_asks(request);

    request->worker->waiters->seen[who % SEEN] =
        (struct seen){.who = who, .until_ms = request->worker->now_ms + WAIT_REST_MS};
}

bool wait_park(struct request *request)
{
    struct worker *worker = request->worker;
    uint64_t who = who_asks(request);
    const struct seen *seen = &worker->waiters->seen[who % SEEN];
    bool rests = seen->who == who && worker->now_ms < seen->until_ms;
    struct waiter *waiter = NULL;

    if (rests || !pace_lets(&worker->pace, worker->now_ms))
        waiter = waiter_new(request);
    if (!waiter)
        return false;
    waiter->parked = waiter->woken = true;
    request->wait_until_ms = waiter->deadline_ms;
    list_in(waiter);
    request->waiter = waiter;
    rest(waiter, rests ? seen->until_ms : worker->now_ms);
    return true;
}

bool wait_unpark(struct request *request)
{
    bool parked = request->waiter->parked;

    request->waiter->parked = false;
    return parked;
}

bool wait_over(const struct request *request)
{
    return request->waiter && request->waiter->over;
}

bool wait_hang(struct request *request)
{
    struct waiter *waiter = request->waiter;

    if (waiter->over || request->worker->now_ms >= waiter->deadline_ms)
        return false;
    if (waiter->state == WAITER_RUNNING)
        rest(waiter, request->worker->now_ms + WAIT_REST_MS);
    else
        go_on(waiter);
    return true;
}

void wait_leave(struct request *request)
{
    struct waiter *waiter = request->waiter;

    if (!waiter)
        return;
    enter(waiter, WAITER_ASLEEP);
    hooks_take(&waiter->hanger);
    *waiter->place = waiter->next;
    if (waiter->next)
        waiter->next->place = waiter->place;
    waiter->waiters->n--;
    request->waiter = NULL;
}

void wait_end(struct request *request)
{
    struct waiter *waiter = request->waiter;

    waiter->over = true;
    if (waiter->state == WAITER_FIRST || waiter->state == WAITER_RUNNING)
        return;
    if (!waiter->parked) {
        waiter->waiters->over(request);
        return;
    }
    enter(waiter, WAITER_RUNNING);
    waiter->waiters->again(request);
}

void waiters_run(struct waiters *waiters, uint64_t now_ms)
{
    while (waiters->ready.first && waiters->n_running < MAX_RUNNING) {
        struct waiter *waiter = waiters->ready.first;

        if (!pace_lets(&waiter->request->worker->pace, now_ms))
            return;
        enter(waiter, WAITER_RUNNING);
        waiters->again(waiter->request);
    }
}

void waiters_end_all(struct waiters *waiters)
{
    struct waiter *next;

    for (struct waiter *waiter = waiters->all; waiter; waiter = next) {
        next = waiter->next;
        wait_end(waiter->request);
    }
}

static void end_those_due(struct waiters *waiters, uint64_t now_ms)
{
    struct waiter *next;

    waiters->next_ms = UINT64_MAX;
    for (struct waiter *waiter = waiters->all; waiter; waiter = next) {
        next = waiter->next;
        if (waiter->over)
            continue;
        if (now_ms >= waiter->deadline_ms)
            wait_end(waiter->request);
        else if (waiter->deadline_ms < waiters->next_ms)
            waiters->next_ms = waiter->deadline_ms;
    }
}

int waiters_tick(struct waiters *waiters, uint64_t now_ms, int most)
{
    uint64_t next_ms;

    if (now_ms >= waiters->next_ms)
        end_those_due(waiters, now_ms);
    while (waiters->resting.first && now_ms >= waiters->resting.first->rest_ms)
        go_on(waiters->resting.first);
    next_ms = waiters->next_ms;
    if (waiters->resting.first && waiters->resting.first->rest_ms < next_ms)
        next_ms = waiters->resting.first->rest_ms;
    return next_ms - now_ms < (uint64_t)most ? (int)(next_ms - now_ms) : most;
}

unsigned waiters_count(const struct waiters *waiters)
{
    return waiters->n;
}
