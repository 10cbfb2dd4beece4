/* auth.c — a bearer token becomes an actor: looked up among those found good, or examined. */
#include "auth.h"

#include <errno.h>
#include <openssl/evp.h>
#include <string.h>
#include <strings.h>

#include "arena.h"
#include "examine.h"
#include "token_cache.h"

enum { DEFAULT_CACHE = 4096, EXAMINATION_LIMIT = 256 * 1024 };

struct auth {
    struct auth_settings settings; /* texts are the caller's */
    struct keys *keys;
    struct token_cache *cache;
};

static const char *or_default(const char *text, const char *fallback)
{
    return text && *text ? text : fallback;
}

int auth_new(const struct auth_settings *settings, struct auth **ret_auth, char **reterr_text)
{
    struct auth *auth = calloc(1, sizeof *auth);
    int r;

    *reterr_text = NULL;
    if (!auth)
        return -ENOMEM;
    auth->settings = *settings;
    auth->settings.claim_tenant = or_default(settings->claim_tenant, "tenant");
    auth->settings.claim_roles = or_default(settings->claim_roles, "roles");
    auth->settings.claim_org = or_default(settings->claim_org, "org");
    auth->settings.claim_areas = or_default(settings->claim_areas, "areas");
    r = keys_new(settings->key_directory, settings->jwks_file, settings->note, &auth->keys, reterr_text);
    if (!r)
        auth->cache = token_cache_new(settings->cache_entries ? settings->cache_entries : DEFAULT_CACHE);
    if (r || !auth->cache) {
        auth_free(auth);
        return r ? r : -ENOMEM;
    }
    *ret_auth = auth;
    return 0;
}

struct auth *auth_free(struct auth *auth)
{
    if (!auth)
        return NULL;
    keys_free(auth->keys);
    token_cache_free(auth->cache);
    free(auth);
    return NULL;
}

/* Texts of an actor, in one order, so that copying is a loop. */
enum { N_ACTOR_TEXTS = 5 };

static void actor_texts(struct actor *actor, const char **ret_places[N_ACTOR_TEXTS])
{
    ret_places[0] = &actor->tenant;
    ret_places[1] = &actor->subject;
    ret_places[2] = &actor->roles_literal;
    ret_places[3] = &actor->org;
    ret_places[4] = &actor->areas_literal;
}

static size_t actor_size(const struct actor *actor)
{
    struct actor copy = *actor;
    const char **places[N_ACTOR_TEXTS];
    size_t size = sizeof copy;

    actor_texts(&copy, places);
    for (size_t i = 0; i < N_ACTOR_TEXTS; i++)
        size += *places[i] ? strlen(*places[i]) + 1 : 0;
    return size;
}

/* Into one piece of memory of actor_size bytes. */
static struct actor *actor_put(void *memory, const struct actor *actor)
{
    struct actor *copy = memory;
    char *end = (char *)(copy + 1);
    const char **places[N_ACTOR_TEXTS];

    *copy = *actor;
    actor_texts(copy, places);
    for (size_t i = 0; i < N_ACTOR_TEXTS; i++) {
        size_t size = *places[i] ? strlen(*places[i]) + 1 : 0;

        if (!size)
            continue;
        memcpy(end, *places[i], size);
        *places[i] = end;
        end += size;
    }
    return copy;
}

struct actor *actor_copy(struct arena *arena, const struct actor *actor)
{
    void *memory = arena_alloc(arena, actor_size(actor));

    return memory ? actor_put(memory, actor) : NULL;
}

/* Makes the checks in their order; the first fault ends it, unless somebody wants to hear them all. 0, -EACCES or
 * -ENOMEM. */
static int examine(struct examination *examination, void (*say)(void *context, const char *check, const char *fault),
                   void *context, const char **reterr_reason)
{
    const char *first = NULL;

    for (size_t i = 0; i < examine_n_rows; i++) {
        const char *fault = examine_rows[i].run(examination);

        if (examination->no_memory)
            return -ENOMEM;
        if (say)
            say(context, examine_rows[i].name, fault);
        if (!fault)
            continue;
        if (!first)
            first = fault;
        if (!say || examine_rows[i].essential)
            break;
    }
    *reterr_reason = first;
    return first ? -EACCES : 0;
}

/* What is between `Bearer` and the end of the line, if it is one word. */
static const char *bearer(const char *header)
{
    static const char scheme[] = "Bearer";
    const char *token;

    if (!header || strncasecmp(header, scheme, sizeof scheme - 1) != 0)
        return NULL;
    token = header + sizeof scheme - 1;
    if (*token != ' ')
        return NULL;
    token += strspn(token, " ");
    return *token && !token[strcspn(token, " ,\t")] ? token : NULL;
}

static int digest_of(const char *token, size_t size, unsigned char ret_digest[TOKEN_DIGEST_SIZE])
{
    return EVP_Digest(token, size, ret_digest, NULL, EVP_sha256(), NULL) == 1 ? 0 : -ENOMEM;
}

static int examine_new(struct auth *auth, const char *token, const unsigned char *digest, int64_t now,
                       const struct actor **ret_actor, const char **reterr_reason)
{
    struct examination examination = {
        .settings = &auth->settings,
        .keys = auth->keys,
        .arena = arena_new(EXAMINATION_LIMIT),
        .token = token,
        .now = now,
    };
    struct actor *actor;
    int r = examination.arena ? examine(&examination, /* say= */ NULL, NULL, reterr_reason) : -ENOMEM;

    if (!r) {
        actor = malloc(actor_size(&examination.actor));
        if (actor)
            *ret_actor = token_cache_add(auth->cache, digest, actor_put(actor, &examination.actor), examination.from,
                                         examination.actor.expires_at + auth->settings.leeway_s);
        else
            r = -ENOMEM;
    }
    examine_end(&examination);
    arena_free(examination.arena);
    return r;
}

int auth_check(struct auth *auth, const char *header, int64_t now, const struct actor **ret_actor,
               const char **reterr_reason)
{
    const char *token = bearer(header);
    unsigned char digest[TOKEN_DIGEST_SIZE];
    const struct actor *known;
    size_t size = token ? strlen(token) : 0;

    *reterr_reason = !header                  ? "there is no token"
                     : !token                 ? "the header is not one Bearer token"
                     : size > MAX_TOKEN_BYTES ? "the token is longer than 8 KiB"
                                              : NULL;
    if (*reterr_reason)
        return -EACCES;
    if (keys_refresh(auth->keys, now))
        token_cache_clear(auth->cache);
    if (digest_of(token, size, digest))
        return -ENOMEM;
    known = token_cache_find(auth->cache, digest, now);
    if (known) {
        *ret_actor = known;
        return 0;
    }
    return examine_new(auth, token, digest, now, ret_actor, reterr_reason);
}

char *auth_sign(struct auth *auth, const char *kid, const json_t *claims, const char **reterr_reason)
{
    const struct key *key = keys_signer(auth->keys, kid, reterr_reason);
    char *token = key ? key_sign(key, claims) : NULL;

    if (key && !token)
        *reterr_reason = "the claims could not be signed";
    return token;
}

int auth_explain(struct auth *auth, const char *token, int64_t now,
                 void (*say)(void *context, const char *check, const char *fault), void *context)
{
    struct examination examination = {
        .settings = &auth->settings,
        .keys = auth->keys,
        .arena = arena_new(EXAMINATION_LIMIT),
        .token = token,
        .now = now,
    };
    const char *reason = NULL;
    int r = examination.arena ? examine(&examination, say, context, &reason) : -ENOMEM;

    examine_end(&examination);
    arena_free(examination.arena);
    return r;
}
