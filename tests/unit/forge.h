/* forge.h — tokens of every kind, good and forged, made without the code under test. */
#ifndef WHISTLED_TEST_FORGE_H
#define WHISTLED_TEST_FORGE_H

#include <openssl/evp.h>
#include <stddef.h>
#include <stdint.h>

/* Keys that a test run makes for itself, and a folder that holds them; kids: hs, rsa, ec. */
struct forge {
    char folder[64];
    EVP_PKEY *rsa, *ec;
    char *rsa_public_pem;
};

extern const unsigned char forge_secret[40];

/* The folder holds nothing yet. */
void forge_open(struct forge *forge);
void forge_close(struct forge *forge);

void forge_write(const struct forge *forge, const char *name, const void *data, size_t size, unsigned mode);
void forge_remove(const struct forge *forge, const char *name);
char *forge_path(const struct forge *forge, const char *name);
char *forge_pem(EVP_PKEY *pkey, int private_part);
EVP_PKEY *forge_rsa(unsigned bits);
EVP_PKEY *forge_ec(const char *group);
/* hs.hs256, rsa.rs256.pem and ec.es256.pem, the two private. */
void forge_write_keys(const struct forge *forge);
/* {"keys":[…]} with the public halves of these, as an identity provider would publish them; `more` is put into each,
 * with a comma in front. */
char *forge_jwks(EVP_PKEY *const *pkeys, const char *const *kids, size_t n, const char *more);

/* All give malloc'ed texts. `header` and `payload` are written as they stand. */
char *forge_signed_text(const char *header, const char *payload);
char *forge_with_signature(const char *header, const char *payload, const void *signature, size_t size);
char *forge_hs256(const char *header, const char *payload, const void *secret, size_t size);
char *forge_rs256(const char *header, const char *payload, EVP_PKEY *pkey);
char *forge_es256(const char *header, const char *payload, EVP_PKEY *pkey);
char *forge_format(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
