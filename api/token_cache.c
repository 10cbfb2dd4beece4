/* token_cache.c — tokens that were found good: a table of small sets, so that neither looking nor making room ever
 * takes long. */
#include "token_cache.h"

#include <stdlib.h>
#include <string.h>

enum { WAYS = 8, MAX_SETS = 1 << 16 };

struct entry {
    unsigned char digest[TOKEN_DIGEST_SIZE];
    struct actor *actor; /* NULL: free */
    int64_t from, until;
    uint64_t used; /* by the cache's own count */
};

struct token_cache {
    size_t n_sets; /* a power of two */
    uint64_t uses;
    struct entry entries[];
};

struct token_cache *token_cache_new(unsigned entries)
{
    struct token_cache *cache;
    size_t n_sets = 1;

    while (n_sets * WAYS < entries && n_sets < MAX_SETS)
        n_sets *= 2;
    cache = calloc(1, sizeof *cache + n_sets * WAYS * sizeof cache->entries[0]);
    if (cache)
        cache->n_sets = n_sets;
    return cache;
}

void token_cache_clear(struct token_cache *cache)
{
    for (size_t i = 0; i < cache->n_sets * WAYS; i++) {
        free(cache->entries[i].actor);
        cache->entries[i].actor = NULL;
    }
}

struct token_cache *token_cache_free(struct token_cache *cache)
{
    if (cache)
        token_cache_clear(cache);
    free(cache);
    return NULL;
}

/* Nobody chooses where a token lands: it takes the issuer's key to make one at all. */
static struct entry *set_of(struct token_cache *cache, const unsigned char *digest)
{
    size_t place;

    memcpy(&place, digest, sizeof place);
    return &cache->entries[(place & (cache->n_sets - 1)) * WAYS];
}

const struct actor *token_cache_find(struct token_cache *cache, const unsigned char digest[TOKEN_DIGEST_SIZE],
                                     int64_t now)
{
    struct entry *set = set_of(cache, digest);

    for (size_t i = 0; i < WAYS; i++) {
        if (!set[i].actor || memcmp(set[i].digest, digest, TOKEN_DIGEST_SIZE) != 0)
            continue;
        if (now < set[i].from || now >= set[i].until)
            return NULL;
        set[i].used = ++cache->uses;
        return set[i].actor;
    }
    return NULL;
}

/* The same token again, a free place, or the one used longest ago. */
static struct entry *make_room(struct entry *set, const unsigned char *digest)
{
    struct entry *oldest = set;

    for (size_t i = 0; i < WAYS; i++)
        if (set[i].actor && !memcmp(set[i].digest, digest, TOKEN_DIGEST_SIZE))
            return &set[i];
    for (size_t i = 0; i < WAYS; i++) {
        if (!set[i].actor)
            return &set[i];
        if (set[i].used < oldest->used)
            oldest = &set[i];
    }
    return oldest;
}

const struct actor *token_cache_add(struct token_cache *cache, const unsigned char digest[TOKEN_DIGEST_SIZE],
                                    struct actor *actor, int64_t from, int64_t until)
{
    struct entry *entry = make_room(set_of(cache, digest), digest);

    free(entry->actor);
    *entry = (struct entry){.actor = actor, .from = from, .until = until, .used = ++cache->uses};
    memcpy(entry->digest, digest, TOKEN_DIGEST_SIZE);
    return actor;
}
