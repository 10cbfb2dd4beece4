/* key.h — one key: what it may check, and how. The only part that knows libjwt. */
#ifndef WHISTLED_KEY_H
#define WHISTLED_KEY_H

#include <jansson.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <stddef.h>

enum key_algorithm { KEY_HS256, KEY_RS256, KEY_ES256 };
enum {
    KEY_MIN_SECRET = 32,
    KEY_MAX_SECRET = 1024,
    KEY_MIN_RSA_BITS = 2048,
    KEY_MAX_RSA_BITS = 8192, /* a larger one makes every forgery expensive to refuse */
    KEY_MAX_SIGNATURE = KEY_MAX_RSA_BITS / 8,
};

struct key {
    char *kid; /* NULL: a JWKS key that has none */
    enum key_algorithm algorithm;
    unsigned char *material; /* what checks: the secret, or the public key as PEM; never empty */
    size_t material_size;
    char *private_pem;     /* NULL: this key cannot sign (an HS256 secret always can) */
    EVP_PKEY *public_key;  /* NULL for HS256 */
    size_t signature_size; /* no other size can be right */
};

/* HS256, RS256, ES256: what the header must say, letter by letter. */
const char *key_algorithm_name(enum key_algorithm algorithm);

/* All three: NULL with the reason, half a sentence ("is shorter than 32 bytes"), or NULL with NULL when memory is out.
 * `kid` is copied. A PEM may be private (then the key signs too) or public. key_new_public takes the EVP_PKEY over, in
 * any case. */
struct key *key_new_secret(const char *kid, const void *secret, size_t size, const char **reterr_reason);
struct key *key_new_pem(const char *kid, enum key_algorithm algorithm, const char *pem, size_t size,
                        const char **reterr_reason);
struct key *key_new_public(const char *kid, enum key_algorithm algorithm, EVP_PKEY *public_key,
                           const char **reterr_reason);
/* Overwrites secrets. Accepts NULL, returns NULL. */
struct key *key_free(struct key *key);

/* Empties OpenSSL's list of errors. True when memory was out: then what failed was not the key's fault. */
bool key_memory_was_out(void);

bool key_can_sign(const struct key *key);

/* Is this the signature of these bytes? */
bool key_signed(const struct key *key, const void *data, size_t size, const unsigned char *signature,
                size_t signature_size);
/* libjwt's opinion of the whole token (NUL-terminated), to be asked after key_signed said yes: it has to accept it,
 * under the key's algorithm, and to read the same subject. */
bool key_confirms(const struct key *key, const char *token, const char *subject);
/* A token with these claims; malloc'ed. NULL when the key cannot sign or memory is out. */
char *key_sign(const struct key *key, const json_t *claims);

#endif
