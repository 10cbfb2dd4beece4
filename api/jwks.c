/* jwks.c — the key set of an outside identity provider (RFC 7517) becomes keys. */
#include <errno.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/param_build.h>
#include <string.h>

#include "keys.h"
#include "text.h"

enum { P256_HALF = 32, MAX_NUMBER = KEY_MAX_RSA_BITS / 8 + 1 };

struct number {
    unsigned char bytes[MAX_NUMBER];
    size_t size;
};

static bool read_number(const json_t *jwk, const char *name, struct number *ret_number)
{
    const json_t *value = json_object_get(jwk, name);
    size_t size = json_string_length(value);
    long length;

    if (!size || size > MAX_NUMBER * 4 / 3)
        return false;
    length = text_base64url_decode(json_string_value(value), size, ret_number->bytes);
    ret_number->size = length > 0 ? (size_t)length : 0;
    return length > 0;
}

static EVP_PKEY *from_parameters(const char *type, OSSL_PARAM_BLD *build)
{
    OSSL_PARAM *parameters = OSSL_PARAM_BLD_to_param(build);
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    EVP_PKEY *pkey = NULL;

    if (parameters && context && EVP_PKEY_fromdata_init(context) == 1)
        (void)EVP_PKEY_fromdata(context, &pkey, EVP_PKEY_PUBLIC_KEY, parameters);
    EVP_PKEY_CTX_free(context);
    OSSL_PARAM_free(parameters);
    return pkey;
}

static EVP_PKEY *read_rsa(const json_t *jwk)
{
    struct number n, e;
    BIGNUM *modulus = NULL, *exponent = NULL;
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    EVP_PKEY *pkey = NULL;

    if (build && read_number(jwk, "n", &n) && read_number(jwk, "e", &e)) {
        modulus = BN_bin2bn(n.bytes, (int)n.size, NULL);
        exponent = BN_bin2bn(e.bytes, (int)e.size, NULL);
    }
    if (modulus && exponent && OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, modulus) &&
        OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, exponent))
        pkey = from_parameters("RSA", build);
    OSSL_PARAM_BLD_free(build);
    BN_free(modulus);
    BN_free(exponent);
    return pkey;
}

static EVP_PKEY *read_ec(const json_t *jwk)
{
    unsigned char point[1 + 2 * P256_HALF] = {4}; /* uncompressed */
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    struct number x, y;
    EVP_PKEY *pkey = NULL;

    if (build && read_number(jwk, "x", &x) && read_number(jwk, "y", &y) && x.size == P256_HALF && y.size == P256_HALF) {
        memcpy(point + 1, x.bytes, P256_HALF);
        memcpy(point + 1 + P256_HALF, y.bytes, P256_HALF);
        if (OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0) &&
            OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point))
            pkey = from_parameters("EC", build);
    }
    OSSL_PARAM_BLD_free(build);
    return pkey;
}

static bool is_text(const json_t *jwk, const char *name, const char *wanted)
{
    const char *text = json_string_value(json_object_get(jwk, name));

    return text && !strcmp(text, wanted);
}

static bool lists_verify(const json_t *operations)
{
    for (size_t i = 0; i < json_array_size(operations); i++) {
        const char *text = json_string_value(json_array_get(operations, i));

        if (text && !strcmp(text, "verify"))
            return true;
    }
    return false;
}

/* Why this key is not for us, or NULL. Its purpose and algorithm are the issuer's word: a key for encryption or for
 * another algorithm never checks a signature here. */
static const char *refuse_purpose(const json_t *jwk, bool rsa)
{
    const json_t *kid = json_object_get(jwk, "kid");

    if (kid && (!json_string_length(kid) || json_string_length(kid) > KEYS_MAX_KID))
        return "its kid is no text of 1 to 255 bytes";
    if (!rsa && !(is_text(jwk, "kty", "EC") && is_text(jwk, "crv", "P-256")))
        return "it is neither RSA nor EC on P-256";
    if (json_object_get(jwk, "use") && !is_text(jwk, "use", "sig"))
        return "it is not for signatures";
    if (json_object_get(jwk, "key_ops") && !lists_verify(json_object_get(jwk, "key_ops")))
        return "it is not for verifying";
    if (json_object_get(jwk, "alg") && !is_text(jwk, "alg", rsa ? "RS256" : "ES256"))
        return "its algorithm is not one of ours";
    return json_object_get(jwk, "d") ? "it is a private key" : NULL;
}

static struct key *read_key(const json_t *jwk, const char **reterr_reason)
{
    bool rsa = is_text(jwk, "kty", "RSA");
    EVP_PKEY *pkey;

    *reterr_reason = refuse_purpose(jwk, rsa);
    if (*reterr_reason)
        return NULL;
    pkey = rsa ? read_rsa(jwk) : read_ec(jwk);
    if (!pkey) {
        *reterr_reason = key_memory_was_out() ? NULL : "its numbers cannot be read";
        return NULL;
    }
    return key_new_public(json_string_value(json_object_get(jwk, "kid")), rsa ? KEY_RS256 : KEY_ES256, pkey,
                          reterr_reason);
}

static void say_passed_over(keys_note *note, size_t index, const char *reason)
{
    char text[160];

    snprintf(text, sizeof text, "key %zu of the JWKS is passed over: %s", index + 1, reason);
    if (note)
        note(text);
}

int jwks_read(const char *text, size_t size, keys_note *note, struct key_list *ret_list)
{
    json_t *document = json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL);
    const json_t *array = json_object_get(document, "keys");
    int r = 0;

    ret_list->n = 0;
    if (!json_is_array(array)) {
        json_decref(document);
        return -EINVAL;
    }
    for (size_t i = 0; i < json_array_size(array) && !r; i++) {
        const char *reason = NULL;
        struct key *key = read_key(json_array_get(array, i), &reason);

        if (!key && !reason)
            r = -ENOMEM;
        else if (!key)
            say_passed_over(note, i, reason);
        else if (!key_list_add(ret_list, key))
            say_passed_over(note, i, "its kid is taken, or there are too many");
    }
    json_decref(document);
    if (r)
        key_list_clear(ret_list);
    return r;
}
