/* forge.c — tokens of every kind, good and forged, made without the code under test (but for its base64url). */
#include "forge.h"

#include <assert.h>
#include <dirent.h>
#include <fcntl.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "text.h"

const unsigned char forge_secret[40] = "0123456789abcdefghijklmnopqrstuvwxyzABC";

char *forge_format(const char *format, ...)
{
    va_list arguments;
    char *text = NULL;
    int r;

    va_start(arguments, format);
    r = vasprintf(&text, format, arguments);
    va_end(arguments);
    assert(r >= 0);
    return text;
}

EVP_PKEY *forge_rsa(unsigned bits)
{
    return EVP_RSA_gen(bits);
}

EVP_PKEY *forge_ec(const char *group)
{
    return EVP_EC_gen(group);
}

void forge_open(struct forge *forge)
{
    *forge = (struct forge){.folder = "/tmp/whistled-keys-XXXXXX"};
    assert(mkdtemp(forge->folder));
    forge->rsa = forge_rsa(2048);
    forge->ec = forge_ec("P-256");
    forge->rsa_public_pem = forge_pem(forge->rsa, 0);
}

char *forge_path(const struct forge *forge, const char *name)
{
    return forge_format("%s/%s", forge->folder, name);
}

void forge_close(struct forge *forge)
{
    DIR *folder = opendir(forge->folder);
    struct dirent *entry;

    while ((entry = readdir(folder)))
        if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
            forge_remove(forge, entry->d_name);
    closedir(folder);
    rmdir(forge->folder);
    EVP_PKEY_free(forge->rsa);
    EVP_PKEY_free(forge->ec);
    free(forge->rsa_public_pem);
}

void forge_write(const struct forge *forge, const char *name, const void *data, size_t size, unsigned mode)
{
    char *path = forge_path(forge, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    assert(fd >= 0 && write(fd, data, size) == (ssize_t)size && !fchmod(fd, (mode_t)mode));
    close(fd);
    free(path);
}

void forge_remove(const struct forge *forge, const char *name)
{
    char *path = forge_path(forge, name);

    remove(path);
    free(path);
}

char *forge_pem(EVP_PKEY *pkey, int private_part)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *data, *text;
    long size;

    assert(private_part ? PEM_write_bio_PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL)
                        : PEM_write_bio_PUBKEY(bio, pkey));
    size = BIO_get_mem_data(bio, &data);
    text = strndup(data, (size_t)size);
    BIO_free(bio);
    return text;
}

void forge_write_keys(const struct forge *forge)
{
    char *rsa = forge_pem(forge->rsa, 1), *ec = forge_pem(forge->ec, 1);

    forge_write(forge, "hs.hs256", forge_secret, sizeof forge_secret - 1, 0600);
    forge_write(forge, "rsa.rs256.pem", rsa, strlen(rsa), 0600);
    forge_write(forge, "ec.es256.pem", ec, strlen(ec), 0600);
    free(rsa);
    free(ec);
}

static char *number(EVP_PKEY *pkey, const char *name, int size)
{
    unsigned char bytes[1100];
    char *text = malloc(2048);
    BIGNUM *value = NULL;

    assert(EVP_PKEY_get_bn_param(pkey, name, &value));
    if (!size)
        size = BN_num_bytes(value);
    assert(BN_bn2binpad(value, bytes, size) == size);
    text_base64url(bytes, (size_t)size, text);
    BN_free(value);
    return text;
}

static char *jwk(EVP_PKEY *pkey, const char *kid, const char *more)
{
    int rsa = EVP_PKEY_is_a(pkey, "RSA");
    char *first = number(pkey, rsa ? OSSL_PKEY_PARAM_RSA_N : OSSL_PKEY_PARAM_EC_PUB_X, rsa ? 0 : 32);
    char *second = number(pkey, rsa ? OSSL_PKEY_PARAM_RSA_E : OSSL_PKEY_PARAM_EC_PUB_Y, rsa ? 0 : 32);
    char *name = kid ? forge_format("\"kid\":\"%s\",", kid) : strdup("");
    char *text = rsa ? forge_format("{%s\"kty\":\"RSA\",\"n\":\"%s\",\"e\":\"%s\"%s}", name, first, second, more)
                     : forge_format("{%s\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"%s\",\"y\":\"%s\"%s}", name, first,
                                    second, more);

    free(first);
    free(second);
    free(name);
    return text;
}

char *forge_jwks(EVP_PKEY *const *pkeys, const char *const *kids, size_t n, const char *more)
{
    char *text = strdup("{\"keys\":["), *next, *one;

    for (size_t i = 0; i < n; i++) {
        one = jwk(pkeys[i], kids[i], more);
        next = forge_format("%s%s%s", text, i ? "," : "", one);
        free(text);
        free(one);
        text = next;
    }
    next = forge_format("%s]}", text);
    free(text);
    return next;
}

char *forge_signed_text(const char *header, const char *payload)
{
    size_t header_size = strlen(header), payload_size = strlen(payload);
    char *text = malloc((header_size + payload_size) * 4 / 3 + 16);
    size_t size = text_base64url(header, header_size, text);

    text[size++] = '.';
    text_base64url(payload, payload_size, text + size);
    return text;
}

char *forge_with_signature(const char *header, const char *payload, const void *signature, size_t size)
{
    char *text = forge_signed_text(header, payload);
    char *end = malloc(size * 4 / 3 + 8);
    char *token;

    text_base64url(signature, size, end);
    token = forge_format("%s.%s", text, end);
    free(text);
    free(end);
    return token;
}

char *forge_hs256(const char *header, const char *payload, const void *secret, size_t size)
{
    char *text = forge_signed_text(header, payload), *token;
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned mac_size = 0;

    assert(HMAC(EVP_sha256(), secret, (int)size, (unsigned char *)text, strlen(text), mac, &mac_size));
    token = forge_with_signature(header, payload, mac, mac_size);
    free(text);
    return token;
}

static size_t sign(EVP_PKEY *pkey, const char *text, unsigned char *ret_signature, size_t room)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();

    assert(EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, pkey) == 1 &&
           EVP_DigestSign(context, ret_signature, &room, (const unsigned char *)text, strlen(text)) == 1);
    EVP_MD_CTX_free(context);
    return room;
}

char *forge_rs256(const char *header, const char *payload, EVP_PKEY *pkey)
{
    char *text = forge_signed_text(header, payload), *token;
    unsigned char signature[2048];

    token = forge_with_signature(header, payload, signature, sign(pkey, text, signature, sizeof signature));
    free(text);
    return token;
}

char *forge_es256(const char *header, const char *payload, EVP_PKEY *pkey)
{
    char *text = forge_signed_text(header, payload), *token;
    unsigned char der[256], pair[64];
    const unsigned char *start = der;
    ECDSA_SIG *signature;

    signature = d2i_ECDSA_SIG(NULL, &start, (long)sign(pkey, text, der, sizeof der));
    assert(signature && BN_bn2binpad(ECDSA_SIG_get0_r(signature), pair, 32) == 32 &&
           BN_bn2binpad(ECDSA_SIG_get0_s(signature), pair + 32, 32) == 32);
    ECDSA_SIG_free(signature);
    token = forge_with_signature(header, payload, pair, sizeof pair);
    free(text);
    return token;
}
