/* auth.h — a bearer token becomes an actor. */
#ifndef WHISTLED_AUTH_H
#define WHISTLED_AUTH_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Who calls, as the token says; what of it is true the database says. Lives in the token cache or in the request's
 * arena; texts that go to the database are ready-made array literals ({"dispatcher","leader"}). */
struct actor {
    const char *tenant;
    const char *subject;
    const char *roles_literal; /* text[] */
    const char *org;           /* NULL: not narrowed */
    const char *areas_literal; /* text[]; NULL: not narrowed */
    uint32_t roles;            /* bits by index into contract.roles */
    int64_t expires_at;        /* unix seconds */
};

struct auth;
struct auth_settings {
    const char *key_directory; /* NULL: none */
    const char *jwks_file;     /* NULL: none */
    const char *issuer, *audience;
    const char *claim_tenant, *claim_roles, *claim_org, *claim_areas; /* names; dots descend: realm_access.roles */
    unsigned leeway_s;
    unsigned cache_entries;   /* 0: 4096 */
    const char *const *roles; /* contract.roles: the names behind the bits of actor.roles, at most 32 */
    size_t n_roles;
    void (*note)(const char *text); /* hears what of the keys was passed over or read again; NULL: nobody */
};

/* One per worker: its cache is its own. 0 or -Exxx with a sentence (malloc'ed) in reterr_text. */
int auth_new(const struct auth_settings *settings, struct auth **ret_auth, char **reterr_text);
struct auth *auth_free(struct auth *auth);

/* `header` is the Authorization header's value or NULL. Returns 0 with an actor that stays valid until the next call
 * of auth_check (copy what must live longer: actor_copy); -EACCES with a short English sentence (static, never the
 * token) in reterr_reason for the log and WWW-Authenticate; or -ENOMEM, which says nothing about the token. `now` in
 * unix seconds. */
int auth_check(struct auth *auth, const char *header, int64_t now, const struct actor **ret_actor,
               const char **reterr_reason);

/* Every check on a token by itself, also those after the first that fails: `say` hears its name and its fault, or NULL.
 * 0 when the service would take it, -EACCES when not, or -ENOMEM. */
int auth_explain(struct auth *auth, const char *token, int64_t now,
                 void (*say)(void *context, const char *check, const char *fault), void *context);

/* A token with these claims, malloc'ed, signed with a key of the folder: `kid`, or NULL for the only one that can. NULL
 * with a sentence (static) for the log. */
char *auth_sign(struct auth *auth, const char *kid, const json_t *claims, const char **reterr_reason);

struct arena;
struct actor *actor_copy(struct arena *arena, const struct actor *actor);

#endif
