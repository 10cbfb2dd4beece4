/* wait.c — requests that hang under Prefer: wait: a hash table of (tenant, key), and one list by time. */
#include "wait.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "worker.h"

enum { BUCKETS = 4096, MAX_KEYS = 64, MARGIN_MS = 150 };

/* One key of one waiter, in its bucket's list. */
struct hook {
    struct hook **place, *next; /* place: what points at this one */
    struct waiter *waiter;
    const char *key;
};

struct waiter {
    struct waiter **place, *next; /* in the list of all */
    struct waiters *waiters;
    struct request *request;
    const char *tenant;
    uint64_t deadline_ms;
    bool asleep; /* hanging; false while its statement runs */
    bool woken;  /* something happened while its statement ran */
    bool over;   /* its time is up */
    size_t n_hooks;
    struct hook hooks[];
};

struct waiters {
    void (*again)(struct request *request), (*over)(struct request *request);
    struct waiter *all;
    unsigned n, limit;
    uint64_t next_ms; /* no wait ends before */
    struct hook *buckets[BUCKETS];
};

struct waiters *waiters_new(unsigned limit, void (*again)(struct request *request),
                            void (*over)(struct request *request))
{
    struct waiters *waiters = calloc(1, sizeof *waiters);

    if (waiters)
        *waiters = (struct waiters){.again = again, .over = over, .limit = limit, .next_ms = UINT64_MAX};
    return waiters;
}

struct waiters *waiters_free(struct waiters *waiters)
{
    free(waiters);
    return NULL;
}

static struct hook **bucket_of(struct waiters *waiters, const char *tenant, const char *key, size_t size)
{
    uint32_t hash = 2166136261u;

    for (; *tenant; tenant++)
        hash = (hash ^ (unsigned char)*tenant) * 16777619u;
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ (unsigned char)key[i]) * 16777619u;
    return &waiters->buckets[(hash ^ hash >> 15) % BUCKETS];
}

static void hook_in(struct hook *hook, struct waiter *waiter, const char *key)
{
    struct hook **bucket = bucket_of(waiter->waiters, waiter->tenant, key, strlen(key));

    *hook = (struct hook){.place = bucket, .next = *bucket, .waiter = waiter, .key = key};
    if (*bucket)
        (*bucket)->place = &hook->next;
    *bucket = hook;
}

static void hook_out(struct hook *hook)
{
    *hook->place = hook->next;
    if (hook->next)
        hook->next->place = hook->place;
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
    size_t n = keys ? (size_t)PQntuples(keys) : 0;
    struct waiter *waiter;

    if (!n || n > MAX_KEYS || waiters->n >= waiters->limit)
        return false;
    waiter = arena_alloc(request->arena, sizeof *waiter + n * sizeof waiter->hooks[0]);
    if (!waiter)
        return false;
    waiter->waiters = waiters;
    waiter->request = request;
    waiter->tenant = request->actor->tenant;
    waiter->deadline_ms = deadline_of(request);
    for (size_t i = 0; i < n; i++) {
        const char *key = arena_strdup(request->arena, PQgetvalue(keys, (int)i, 0));

        if (key)
            hook_in(&waiter->hooks[waiter->n_hooks++], waiter, key);
    }
    list_in(waiter);
    request->waiter = waiter;
    return true;
}

enum wait_verdict wait_hang(struct request *request)
{
    struct waiter *waiter = request->waiter;

    if (waiter->over || request->worker->now_ms >= waiter->deadline_ms)
        return WAIT_OVER;
    waiter->asleep = !waiter->woken;
    waiter->woken = false;
    return waiter->asleep ? WAIT_ON : WAIT_AGAIN;
}

void wait_leave(struct request *request)
{
    struct waiter *waiter = request->waiter;

    if (!waiter)
        return;
    for (size_t i = 0; i < waiter->n_hooks; i++)
        hook_out(&waiter->hooks[i]);
    *waiter->place = waiter->next;
    if (waiter->next)
        waiter->next->place = waiter->place;
    waiter->waiters->n--;
    request->waiter = NULL;
}

static void wake(struct waiter *waiter)
{
    if (!waiter->asleep) {
        waiter->woken = true;
        return;
    }
    waiter->asleep = false;
    waiter->waiters->again(waiter->request);
}

void wait_end(struct request *request)
{
    struct waiter *waiter = request->waiter;

    waiter->over = true;
    if (waiter->asleep) {
        waiter->asleep = false;
        waiter->waiters->over(request);
    }
}

static void wake_key(struct waiters *waiters, const char *tenant, const char *key, size_t size)
{
    struct hook *next;

    for (struct hook *hook = *bucket_of(waiters, tenant, key, size); hook; hook = next) {
        struct waiter *waiter = hook->waiter;
        bool same = !strncmp(hook->key, key, size) && !hook->key[size] && !strcmp(waiter->tenant, tenant);

        next = hook->next;
        if (!same)
            continue;
        /* `again` may answer at once, and then takes this waiter's other hooks, of which one may be `next`. */
        while (next && next->waiter == waiter)
            next = next->next;
        wake(waiter);
    }
}

static void wake_tenant(struct waiters *waiters, const char *tenant)
{
    struct waiter *next;

    /* `again` may answer at once, and then takes the waiter out of the list. */
    for (struct waiter *waiter = waiters->all; waiter; waiter = next) {
        next = waiter->next;
        if (!tenant || !strcmp(tenant, waiter->tenant))
            wake(waiter);
    }
}

void waiters_wake(struct waiters *waiters, const char *tenant, const char *keys)
{
    if (!tenant || !keys) {
        wake_tenant(waiters, tenant);
        return;
    }
    while (*keys) {
        size_t size = strcspn(keys, ",");

        if (size)
            wake_key(waiters, tenant, keys, size);
        keys += size + (keys[size] == ',');
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
