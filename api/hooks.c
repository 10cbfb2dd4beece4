/* hooks.c — a hash table of (tenant, key), and one list of all that hang. */
#include "hooks.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { BUCKETS = 8192 };

/* One key of one hanger, in its bucket's list. */
struct hook {
    struct hook **place, *next; /* place: what points at this one */
    struct hanger *hanger;
    const char *key;
};

struct hooks {
    struct hanger *all;
    struct hook *buckets[BUCKETS];
};

struct hooks *hooks_new(void)
{
    return calloc(1, sizeof(struct hooks));
}

struct hooks *hooks_free(struct hooks *hooks)
{
    free(hooks);
    return NULL;
}

static struct hook **bucket_of(struct hooks *hooks, const char *tenant, const char *key, size_t size)
{
    uint32_t hash = 2166136261u;

    for (; *tenant; tenant++)
        hash = (hash ^ (unsigned char)*tenant) * 16777619u;
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ (unsigned char)key[i]) * 16777619u;
    return &hooks->buckets[(hash ^ hash >> 15) % BUCKETS];
}

static void hook_in(struct hooks *hooks, struct hook *hook, struct hanger *hanger, const char *key)
{
    struct hook **bucket = bucket_of(hooks, hanger->tenant, key, strlen(key));

    *hook = (struct hook){.place = bucket, .next = *bucket, .hanger = hanger, .key = key};
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

static void list_in(struct hooks *hooks, struct hanger *hanger)
{
    hanger->place = &hooks->all;
    hanger->next = hooks->all;
    if (hanger->next)
        hanger->next->place = &hanger->next;
    hooks->all = hanger;
}

int hooks_hang(struct hooks *hooks, struct hanger *hanger, struct arena *arena, const PGresult *keys)
{
    size_t n = keys ? (size_t)PQntuples(keys) : 0;

    if (!n)
        return -ENOENT;
    hanger->hooks = arena_alloc(arena, n * sizeof *hanger->hooks);
    if (!hanger->hooks)
        return -ENOMEM;
    for (hanger->n_hooks = 0; hanger->n_hooks < n; hanger->n_hooks++) {
        const char *key = arena_strdup(arena, PQgetvalue(keys, (int)hanger->n_hooks, 0));

        if (!key)
            break;
        hook_in(hooks, &hanger->hooks[hanger->n_hooks], hanger, key);
    }
    list_in(hooks, hanger);
    if (hanger->n_hooks == n)
        return 0;
    hooks_take(hanger);
    return -ENOMEM;
}

void hooks_take(struct hanger *hanger)
{
    if (!hanger->place)
        return;
    for (size_t i = 0; i < hanger->n_hooks; i++)
        hook_out(&hanger->hooks[i]);
    hanger->n_hooks = 0;
    *hanger->place = hanger->next;
    if (hanger->next)
        hanger->next->place = hanger->place;
    hanger->place = NULL;
}

static void wake_key(struct hooks *hooks, const char *tenant, const char *key, size_t size)
{
    bool rights = size > 2 && key[0] == 'u' && key[1] == ':';

    for (struct hook *hook = *bucket_of(hooks, tenant, key, size); hook; hook = hook->next)
        if (!strncmp(hook->key, key, size) && !hook->key[size] && !strcmp(hook->hanger->tenant, tenant))
            hook->hanger->wake(hook->hanger, rights);
}

void hooks_wake(struct hooks *hooks, const char *tenant, const char *keys)
{
    if (!tenant || !keys) {
        for (struct hanger *hanger = hooks->all; hanger; hanger = hanger->next)
            if (!tenant || !strcmp(tenant, hanger->tenant))
                hanger->wake(hanger, /* rights= */ true);
        return;
    }
    while (*keys) {
        size_t size = strcspn(keys, ",");

        if (size)
            wake_key(hooks, tenant, keys, size);
        keys += size + (keys[size] == ',');
    }
}
