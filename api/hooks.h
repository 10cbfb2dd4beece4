/* hooks.h — who waits for news hangs under (tenant, key), and a notification takes hold of those that it concerns. */
#ifndef WHISTLED_HOOKS_H
#define WHISTLED_HOOKS_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>

struct hooks;
struct hook;
struct hanger;

/* `rights`: the key was "u:…", what this person may do was changed. It must not take anything off any hook. */
typedef void hanger_wake(struct hanger *hanger, bool rights);

/* Part of what hangs. */
struct hanger {
    hanger_wake *wake;
    const char *tenant;
    struct hook *hooks;
    size_t n_hooks;
    struct hanger **place, *next; /* in the list of all */
};

/* NULL when memory is out. */
struct hooks *hooks_new(void);
struct hooks *hooks_free(struct hooks *hooks);

/* Hangs it under the keys in the result's column, or only those that speak of rights, or only the others; `wake` and
 * `tenant` are set, the tenant outlives it. Returns 0, -ENOENT when there is no such key, or -ENOMEM. */
enum hooks_kind { HOOKS_ALL, HOOKS_RIGHTS, HOOKS_NEWS };
int hooks_hang(struct hooks *hooks, struct hanger *hanger, const PGresult *keys, int column, enum hooks_kind kind);
/* Under the same keys as another. */
int hooks_hang_like(struct hooks *hooks, struct hanger *hanger, const struct hanger *other);
/* Accepts one that does not hang. */
void hooks_take(struct hanger *hanger);

/* "t,o:<organisation>,g:<grid>" of one tenant; `keys` NULL: all of the tenant; `tenant` NULL: all. */
void hooks_wake(struct hooks *hooks, const char *tenant, const char *keys);

#endif
