/* key.c — one key: what it may check, and how. The only file that knows libjwt. */
#include "key.h"

#include <jwt.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <string.h>

/* Debian 12 has 1.10.2, whose texts are plain malloc'ed ones; later releases have an allocator of their own. */
#ifndef JWT_VALIDATION_SUCCESS
#define jwt_free_str free
#endif

enum { ES256_HALF = 32, HS256_SIZE = 32 };

static const struct {
    const char *name;
    jwt_alg_t libjwt;
} algorithms[] = {
    [KEY_HS256] = {"HS256", JWT_ALG_HS256},
    [KEY_RS256] = {"RS256", JWT_ALG_RS256},
    [KEY_ES256] = {"ES256", JWT_ALG_ES256},
};

const char *key_algorithm_name(enum key_algorithm algorithm)
{
    return algorithms[algorithm].name;
}

bool key_memory_was_out(void)
{
    unsigned long error;
    bool out = false;

    while ((error = ERR_get_error()))
        out |= ERR_GET_REASON(error) == ERR_R_MALLOC_FAILURE;
    return out;
}

struct key *key_free(struct key *key)
{
    if (!key)
        return NULL;
    if (key->material)
        OPENSSL_cleanse(key->material, key->material_size);
    if (key->private_pem)
        OPENSSL_cleanse(key->private_pem, strlen(key->private_pem));
    EVP_PKEY_free(key->public_key);
    free(key->private_pem);
    free(key->material);
    free(key->kid);
    free(key);
    return NULL;
}

static struct key *key_new(const char *kid, enum key_algorithm algorithm)
{
    struct key *key = calloc(1, sizeof *key);

    if (!key)
        return NULL;
    key->algorithm = algorithm;
    key->kid = kid ? strdup(kid) : NULL;
    return kid && !key->kid ? key_free(key) : key;
}

/* With a NUL behind it: libjwt gets a size and takes texts for texts all the same. */
static bool key_set_material(struct key *key, const void *data, size_t size)
{
    key->material = size ? malloc(size + 1) : NULL;
    if (!key->material)
        return false;
    memcpy(key->material, data, size);
    key->material[size] = '\0';
    key->material_size = size;
    return true;
}

struct key *key_new_secret(const char *kid, const void *secret, size_t size, const char **reterr_reason)
{
    struct key *key;

    *reterr_reason = size < KEY_MIN_SECRET   ? "is shorter than 32 bytes"
                     : size > KEY_MAX_SECRET ? "is longer than 1024 bytes"
                                             : NULL;
    if (*reterr_reason)
        return NULL;
    key = key_new(kid, KEY_HS256);
    if (!key || !key_set_material(key, secret, size))
        return key_free(key);
    key->signature_size = HS256_SIZE;
    return key;
}

/* An exponent of 1 or a point beside the curve forges everything. */
static bool passes_check(EVP_PKEY *public_key)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(public_key, NULL);
    bool fine = context && EVP_PKEY_public_check(context) == 1;

    EVP_PKEY_CTX_free(context);
    return fine;
}

/* What the key is, not what its file or set says of it. */
static const char *public_key_fault(EVP_PKEY *public_key, enum key_algorithm algorithm)
{
    char group[32] = "";

    if (algorithm == KEY_RS256) {
        if (!EVP_PKEY_is_a(public_key, "RSA"))
            return "is no RSA key";
        if (EVP_PKEY_get_bits(public_key) < KEY_MIN_RSA_BITS)
            return "has fewer than 2048 bits";
        if (EVP_PKEY_get_bits(public_key) > KEY_MAX_RSA_BITS)
            return "has more than 8192 bits";
    } else {
        if (!EVP_PKEY_is_a(public_key, "EC"))
            return "is no EC key";
        if (EVP_PKEY_get_group_name(public_key, group, sizeof group, NULL) != 1 || strcmp(group, "prime256v1") != 0)
            return "is not on the curve P-256";
    }
    return NULL;
}

static char *take_bio(BIO *bio)
{
    char *data = NULL;
    long size = BIO_get_mem_data(bio, &data);

    return size > 0 ? strndup(data, (size_t)size) : NULL;
}

/* libjwt wants PEM; what it gets was written here, so it holds one key and nothing else. */
static char *write_pem(EVP_PKEY *pkey, bool private_part)
{
    BIO *bio = BIO_new(private_part ? BIO_s_secmem() : BIO_s_mem());
    char *text = NULL;
    int fine;

    if (!bio)
        return NULL;
    fine =
        private_part ? PEM_write_bio_PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL) : PEM_write_bio_PUBKEY(bio, pkey);
    if (fine == 1)
        text = take_bio(bio);
    BIO_free(bio);
    return text;
}

struct key *key_new_public(const char *kid, enum key_algorithm algorithm, EVP_PKEY *public_key,
                           const char **reterr_reason)
{
    struct key *key = NULL;
    char *pem = NULL;
    bool sound;

    *reterr_reason = public_key_fault(public_key, algorithm);
    sound = !*reterr_reason && passes_check(public_key);
    if (!*reterr_reason && !sound)
        *reterr_reason = key_memory_was_out() ? NULL : "fails the check of its numbers";
    if (sound) {
        key = key_new(kid, algorithm);
        pem = write_pem(public_key, /* private_part= */ false);
    }
    if (!key || !pem || !key_set_material(key, pem, strlen(pem))) {
        EVP_PKEY_free(public_key);
        free(pem);
        return key_free(key);
    }
    free(pem);
    key->public_key = public_key;
    key->signature_size = algorithm == KEY_ES256 ? (size_t)2 * ES256_HALF : (size_t)EVP_PKEY_get_size(public_key);
    return key;
}

/* Without it OpenSSL would ask for a passphrase on the terminal. */
static int no_passphrase(char *text, int size, int writing, void *context)
{
    (void)text, (void)size, (void)writing, (void)context;
    return -1;
}

static EVP_PKEY *read_pem(const char *pem, size_t size, bool private_part)
{
    BIO *bio = BIO_new_mem_buf(pem, (int)size);
    EVP_PKEY *pkey = NULL;

    if (bio && private_part)
        pkey = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);
    else if (bio)
        pkey = PEM_read_bio_PUBKEY(bio, NULL, no_passphrase, NULL);
    BIO_free(bio);
    return pkey;
}

struct key *key_new_pem(const char *kid, enum key_algorithm algorithm, const char *pem, size_t size,
                        const char **reterr_reason)
{
    EVP_PKEY *private_key = read_pem(pem, size, /* private_part= */ true);
    EVP_PKEY *public_key = NULL;
    char *private_pem = NULL;
    struct key *key = NULL;

    *reterr_reason = NULL;
    if (private_key) {
        char *public_pem = write_pem(private_key, /* private_part= */ false);

        private_pem = write_pem(private_key, /* private_part= */ true);
        if (public_pem && private_pem)
            public_key = read_pem(public_pem, strlen(public_pem), /* private_part= */ false);
        free(public_pem);
    } else {
        public_key = read_pem(pem, size, /* private_part= */ false);
        if (!public_key)
            *reterr_reason =
                key_memory_was_out() ? NULL : "holds no PEM key that can be read (one with a passphrase cannot)";
    }
    if (public_key) {
        ERR_clear_error(); /* of what is no private key */
        key = key_new_public(kid, algorithm, public_key, reterr_reason);
    }
    EVP_PKEY_free(private_key);
    if (key) {
        key->private_pem = private_pem;
        return key;
    }
    if (private_pem)
        OPENSSL_cleanse(private_pem, strlen(private_pem));
    free(private_pem);
    return NULL;
}

bool key_can_sign(const struct key *key)
{
    return key->algorithm == KEY_HS256 || key->private_pem;
}

static bool signed_by_secret(const struct key *key, const void *data, size_t size, const unsigned char *signature)
{
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned mac_size = 0;

    return HMAC(EVP_sha256(), key->material, (int)key->material_size, data, size, mac, &mac_size) &&
           mac_size == HS256_SIZE && !CRYPTO_memcmp(mac, signature, HS256_SIZE);
}

/* JWS has the two numbers of an ECDSA signature side by side; OpenSSL wants them as DER. */
static int es256_to_der(const unsigned char *signature, unsigned char **ret_der)
{
    ECDSA_SIG *pair = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(signature, ES256_HALF, NULL);
    BIGNUM *s = BN_bin2bn(signature + ES256_HALF, ES256_HALF, NULL);
    int size = -1;

    if (pair && r && s && ECDSA_SIG_set0(pair, r, s) == 1) {
        r = s = NULL; /* the pair's now */
        size = i2d_ECDSA_SIG(pair, ret_der);
    }
    BN_free(r);
    BN_free(s);
    ECDSA_SIG_free(pair);
    return size;
}

static bool signed_by_private_key(const struct key *key, const void *data, size_t size, const unsigned char *signature)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    unsigned char *der = NULL;
    size_t signature_size = key->signature_size;
    bool fine = context != NULL;

    if (fine && key->algorithm == KEY_ES256) {
        int der_size = es256_to_der(signature, &der);

        fine = der_size > 0;
        signature = der;
        signature_size = fine ? (size_t)der_size : 0;
    }
    /* RSA means PKCS #1 v1.5 here, as RS256 says; OpenSSL's own default, written down because everything rests on it.
     */
    fine = fine && EVP_DigestVerifyInit(context, NULL, EVP_sha256(), NULL, key->public_key) == 1 &&
           EVP_DigestVerify(context, signature, signature_size, data, size) == 1;
    OPENSSL_free(der);
    EVP_MD_CTX_free(context);
    ERR_clear_error();
    return fine;
}

bool key_signed(const struct key *key, const void *data, size_t size, const unsigned char *signature,
                size_t signature_size)
{
    if (signature_size != key->signature_size)
        return false;
    if (key->algorithm == KEY_HS256)
        return signed_by_secret(key, data, size, signature);
    return signed_by_private_key(key, data, size, signature);
}

/* libjwt 1.10.2 takes any signature when the key is NULL or empty (key_set_material makes neither), says yes with an
 * empty token when an allocation fails, and reads `alg` by itself: hence the questions after its answer. */
bool key_confirms(const struct key *key, const char *token, const char *subject)
{
    jwt_t *jwt = NULL;
    const char *read;
    bool fine;

    if (!key->material || !key->material_size)
        return false;
    fine = jwt_decode(&jwt, token, key->material, (int)key->material_size) == 0 && jwt &&
           jwt_get_alg(jwt) == algorithms[key->algorithm].libjwt;
    read = fine ? jwt_get_grant(jwt, "sub") : NULL;
    fine = read && !strcmp(read, subject);
    jwt_free(jwt);
    ERR_clear_error();
    return fine;
}

char *key_sign(const struct key *key, const json_t *claims)
{
    const unsigned char *material = key->private_pem ? (unsigned char *)key->private_pem : key->material;
    size_t size = key->private_pem ? strlen(key->private_pem) : key->material_size;
    char *payload = key_can_sign(key) ? json_dumps(claims, JSON_COMPACT) : NULL;
    char *text = NULL, *token = NULL;
    jwt_t *jwt = NULL;

    if (payload && !jwt_new(&jwt) && !jwt_add_grants_json(jwt, payload) &&
        (!key->kid || !jwt_add_header(jwt, "kid", key->kid)) &&
        !jwt_set_alg(jwt, algorithms[key->algorithm].libjwt, material, (int)size))
        text = jwt_encode_str(jwt);
    token = text ? strdup(text) : NULL;
    jwt_free_str(text);
    jwt_free(jwt);
    free(payload);
    ERR_clear_error();
    return token;
}
