/* keys.h — the keys that tokens are checked with: a folder of our own, and the JWKS file of an outside identity
 * provider.
 *
 * The folder: one file for each key, whose name says what it is and what tokens call it:
 *   <kid>.hs256       a secret of at least 32 bytes. `hex:…` and `base64:…` (either alphabet) are decoded; anything
 * else is taken as it stands, but for one line end behind printable text <kid>.rs256.pem   an RSA key of 2048 bits or
 * more, private or public <kid>.es256.pem   an EC key on P-256, private or public A private key or secret also mints.
 * <kid> is 1 to 64 of A–Z a–z 0–9 . _ - and does not begin with a dot; other names are passed over with a note. What is
 * secret must not be readable by group or others.
 *
 * The JWKS (RFC 7517): RSA of 2048 bits or more and EC on P-256, for signatures; keys of other kinds are passed over
 * with a note.
 *
 * At start a file that cannot be used is an error. Later both places are looked at every few seconds: what changed is
 * read again, a single bad file is left out, and a folder or JWKS that cannot be read at all leaves its keys as they
 * were. */
#ifndef WHISTLED_KEYS_H
#define WHISTLED_KEYS_H

#include <stdbool.h>
#include <stdint.h>

#include "key.h"

enum { KEYS_LOOK_EVERY_S = 3, KEYS_MAX = 64, KEYS_MAX_KID = 255 };

/* Hears in half-sentences what was passed over or read again; never key material. */
typedef void keys_note(const char *text);

/* Keys of one place. */
struct key_list {
    struct key *items[KEYS_MAX];
    unsigned n;
};

/* Takes the key over; false (and frees it) when there is no room or its kid is taken. */
bool key_list_add(struct key_list *list, struct key *key);
void key_list_clear(struct key_list *list);

/* Reads a whole JWKS document. 0, or -EINVAL when it is none, or -ENOMEM. `note` may be NULL. */
int jwks_read(const char *text, size_t size, keys_note *note, struct key_list *ret_list);

struct keys;

/* Either place may be NULL or empty, not both. 0, or -Exxx with a sentence (malloc'ed) in reterr_text. `note` may be
 * NULL. */
int keys_new(const char *directory, const char *jwks_file, keys_note *note, struct keys **ret_keys, char **reterr_text);
struct keys *keys_free(struct keys *keys);

/* True when keys came or went: every `struct key` from before is gone, and nothing that they checked holds any more.
 * `now` in unix seconds. */
bool keys_refresh(struct keys *keys, int64_t now);

/* The key that a token means. `kid` NULL: it names none, which will do when there is exactly one key. NULL when there
 * is none. */
const struct key *keys_find(const struct keys *keys, const char *kid);
/* The key to sign with: of the folder; `kid` NULL: the only one that can. NULL with a sentence (static). */
const struct key *keys_signer(const struct keys *keys, const char *kid, const char **reterr_text);

#endif
