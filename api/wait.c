/* wait.c — requests that hang under Prefer: wait: who is asleep, who was woken, whose statement runs. */
#include "wait.h"

#include <stdlib.h>
#include <time.h>

#include "worker.h"

/* At the same time: whoever is woken with thousands must not push aside those who ask. */
enum { MARGIN_MS = 150, MAX_RUNNING = 32, MAX_RUNNING_BUSY = 4 };

/* FIRST: its statement was sent before it hung. */
enum waiter_state { WAITER_FIRST, WAITER_ASLEEP, WAITER_READY, WAITER_RUNNING };

struct waiter {
    struct hanger hanger;
    struct waiter **place, *next; /* in the list of all */
    struct waiter *next_ready, *previous_ready;
    struct waiters *waiters;
    struct request *request;
    uint64_t deadline_ms;
    enum waiter_state state;
    bool woken; /* something happened while its statement ran */
    bool over;  /* its time is up */
};

struct waiters {
    struct hooks *hooks;
    void (*again)(struct request *request), (*over)(struct request *request);
    struct waiter *all, *first_ready, *last_ready;
    unsigned n, limit, n_running;
    uint64_t next_ms; /* no wait ends before */
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

/* The one place that moves a waiter from state to state. */
static void enter(struct waiter *waiter, enum waiter_state state)
{
    struct waiters *waiters = waiter->waiters;

    if (waiter->state == WAITER_READY) {
        *(waiter->previous_ready ? &waiter->previous_ready->next_ready : &waiters->first_ready) = waiter->next_ready;
        *(waiter->next_ready ? &waiter->next_ready->previous_ready : &waiters->last_ready) = waiter->previous_ready;
    }
    waiters->n_running -= waiter->state == WAITER_RUNNING;
    waiters->n_running += state == WAITER_RUNNING;
    waiter->state = state;
    if (state != WAITER_READY)
        return;
    waiter->next_ready = NULL;
    waiter->previous_ready = waiters->last_ready;
    *(waiters->last_ready ? &waiters->last_ready->next_ready : &waiters->first_ready) = waiter;
    waiters->last_ready = waiter;
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

bool wait_register(struct request *request, const PGresult *keys)
{
    struct waiters *waiters = request->worker->waiters;
    struct waiter *waiter = waiters->n < waiters->limit ? arena_alloc(request->arena, sizeof *waiter) : NULL;

    if (!waiter)
        return false;
    *waiter = (struct waiter){
        .hanger = {.wake = wake, .tenant = request->actor->tenant},
        .waiters = waiters,
        .request = request,
        .deadline_ms = deadline_of(request),
    };
    if (hooks_hang(waiters->hooks, &waiter->hanger, keys, /* column= */ 0, HOOKS_ALL))
        return false;
    list_in(waiter);
    request->waiter = waiter;
    return true;
}

bool wait_hang(struct request *request)
{
    struct waiter *waiter = request->waiter;

    if (waiter->over || request->worker->now_ms >= waiter->deadline_ms)
        return false;
    enter(waiter, waiter->woken ? WAITER_READY : WAITER_ASLEEP);
    waiter->woken = false;
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
    if (waiter->state == WAITER_ASLEEP || waiter->state == WAITER_READY)
        waiter->waiters->over(request);
}

void waiters_run(struct waiters *waiters, bool busy)
{
    unsigned most = busy ? MAX_RUNNING_BUSY : MAX_RUNNING;

    while (waiters->first_ready && waiters->n_running < most) {
        struct waiter *waiter = waiters->first_ready;

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

int waiters_tick(struct waiters *waiters, uint64_t now_ms, int most)
{
    if (now_ms >= waiters->next_ms) {
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
    if (waiters->next_ms == UINT64_MAX || waiters->next_ms - now_ms > (uint64_t)most)
        return most;
    return (int)(waiters->next_ms - now_ms);
}

unsigned waiters_count(const struct waiters *waiters)
{
    return waiters->n;
}
