/* hooks.c — a hash table of (tenant, key), and one list of all that hang. */
#include "hooks.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* own_keys() gives fewer. */
enum { BUCKETS = 8192, MAX_KEYS = 64 };

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

static bool is_of_rights(const char *key, size_t size)
{
    return size > 2 && key[0] == 'u' && key[1] == ':';
}

/* Hooks and the texts of their keys in one piece. */
static int hang(struct hooks *hooks, struct hanger *hanger, const char *const *keys, size_t n)
{
    size_t size = 0;
    char *texts;

    if (!n)
        return -ENOENT;
    for (size_t i = 0; i < n; i++)
        size += strlen(keys[i]) + 1;
    hanger->hooks = malloc(n * sizeof *hanger->hooks + size);
    if (!hanger->hooks)
        return -ENOMEM;
    texts = (char *)&hanger->hooks[n];
    hanger->n_hooks = n;
    for (size_t i = 0; i < n; i++) {
        size = strlen(keys[i]) + 1;
        hook_in(hooks, &hanger->hooks[i], hanger, memcpy(texts, keys[i], size));
        texts += size;
    }
    list_in(hooks, hanger);
    return 0;
}

int hooks_hang(struct hooks *hooks, struct hanger *hanger, const PGresult *keys, int column, enum hooks_kind kind)
{
    const char *chosen[MAX_KEYS];
    size_t n = 0;

    for (int row = 0; keys && row < PQntuples(keys) && n < MAX_KEYS; row++) {
        const char *key = PQgetisnull(keys, row, column) ? NULL : PQgetvalue(keys, row, column);

        if (key && (kind == HOOKS_ALL || is_of_rights(key, strlen(key)) == (kind == HOOKS_RIGHTS)))
            chosen[n++] = key;
    }
    return hang(hooks, hanger, chosen, n);
}

int hooks_hang_like(struct hooks *hooks, struct hanger *hanger, const struct hanger *other)
{
    const char *keys[MAX_KEYS];

    for (size_t i = 0; i < other->n_hooks; i++)
        keys[i] = other->hooks[i].key;
    return hang(hooks, hanger, keys, other->n_hooks);
}

void hooks_take(struct hanger *hanger)
{
    if (!hanger->place)
        return;
    for (size_t i = 0; i < hanger->n_hooks; i++)
        hook_out(&hanger->hooks[i]);
    free(hanger->hooks);
    hanger->hooks = NULL;
    hanger->n_hooks = 0;
    *hanger->place = hanger->next;
    if (hanger->next)
        hanger->next->place = hanger->place;
    hanger->place = NULL;
}

static void wake_key(struct hooks *hooks, const char *tenant, const char *key, size_t size)
{
    bool rights = is_of_rights(key, size);

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
