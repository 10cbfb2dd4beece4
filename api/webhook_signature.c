/* webhook_signature.c — HMAC-SHA256 over id, time and body, under each secret that is good now. */
#include "webhook_signature.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <string.h>

#include "encode.h"

enum { KEY_SIZE = 32, KEY_TEXT = 44, DIGEST_SIZE = 32, SIGNATURE_TEXT = 44 };

static const char prefix[] = "whsec_";

/* EVP_DecodeBlock counts the padding as bytes of zero. */
static int decode_secret(const char *secret, size_t size, unsigned char *ret_key)
{
    if (size != sizeof prefix - 1 + KEY_TEXT || strncmp(secret, prefix, sizeof prefix - 1) != 0 ||
        secret[size - 1] != '=' || secret[size - 2] == '=')
        return -EINVAL;
    return EVP_DecodeBlock(ret_key, (const unsigned char *)secret + sizeof prefix - 1, KEY_TEXT) == KEY_SIZE + 1
               ? 0
               : -EINVAL;
}

static int sign_one(const char *secret, size_t size, const struct buffer *content, char *ret_text)
{
    unsigned char key[KEY_SIZE + 1], digest[DIGEST_SIZE];
    unsigned digest_size = 0;
    int r = decode_secret(secret, size, key);

    if (!r &&
        !HMAC(EVP_sha256(), key, KEY_SIZE, (const unsigned char *)content->data, content->size, digest, &digest_size))
        r = -ENOMEM;
    if (!r && EVP_EncodeBlock((unsigned char *)ret_text, digest, (int)digest_size) != SIGNATURE_TEXT)
        r = -EINVAL;
    OPENSSL_cleanse(key, sizeof key);
    return r;
}

static int sign_all(const char *secrets, const struct buffer *content, char *ret_text)
{
    size_t used = 0;

    for (unsigned n = 0; *secrets; n++) {
        size_t size = strcspn(secrets, " ");
        const char *lead = used ? " v1," : "v1,";
        int r;

        if (n == WEBHOOK_SECRETS)
            break;
        memcpy(ret_text + used, lead, strlen(lead));
        used += strlen(lead);
        r = sign_one(secrets, size, content, ret_text + used);
        if (r)
            return r;
        used += SIGNATURE_TEXT;
        secrets += size;
        secrets += strspn(secrets, " ");
    }
    ret_text[used] = '\0';
    return used ? 0 : -EINVAL;
}

int webhook_sign(const char *secrets, const char *id, long long timestamp, const char *body, size_t size,
                 char ret_text[WEBHOOK_SIGNATURE_SIZE])
{
    struct buffer content = {.size = 0};
    char head[96];
    int r;

    snprintf(head, sizeof head, "%s.%lld.", id, timestamp);
    buffer_add_text(&content, head);
    buffer_add(&content, body, size);
    r = content.failed ? -ENOMEM : sign_all(secrets, &content, ret_text);
    buffer_free(&content);
    return r;
}
