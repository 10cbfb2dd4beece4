/* token_cache.h — tokens that were found good, by the SHA-256 of their exact bytes, until they expire. */
#ifndef WHISTLED_TOKEN_CACHE_H
#define WHISTLED_TOKEN_CACHE_H

#include <stdint.h>

#include "auth.h"

enum { TOKEN_DIGEST_SIZE = 32 };

struct token_cache;

/* Room for at least `entries` tokens, never for more than a little above. NULL when memory is out. */
struct token_cache *token_cache_new(unsigned entries);
struct token_cache *token_cache_free(struct token_cache *cache);

/* NULL when the token is not known, or not at this time: `now` in unix seconds. */
const struct actor *token_cache_find(struct token_cache *cache, const unsigned char digest[TOKEN_DIGEST_SIZE],
                                     int64_t now);
/* Takes `actor` (one malloc) over and gives it back; the one used longest ago makes room. Good from `from` until before
 * `until`. */
const struct actor *token_cache_add(struct token_cache *cache, const unsigned char digest[TOKEN_DIGEST_SIZE],
                                    struct actor *actor, int64_t from, int64_t until);
void token_cache_clear(struct token_cache *cache);

#endif
