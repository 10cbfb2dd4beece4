/* cursor.c — a list's cursor: base64url(16 bytes of HMAC-SHA256 over scope and payload, then the payload). */
#include "cursor.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

#include "service.h"
#include "text.h"
#include "worker.h"

enum { SEAL_SIZE = 16, MAX_CURSOR = 1024 };

struct cursor_scope cursor_scope_of(const struct request *request)
{
    return (struct cursor_scope){
        .key = request->worker->service->cursor_key,
        .operation = request->operation->id,
        .tenant = request->actor ? request->actor->tenant : "",
        .subject = request->actor ? request->actor->subject : "",
        .names = request->query_names,
        .values = request->query_values,
        .n = request->n_query,
    };
}

/* updated_after says where a feed begins, not what is in it: from then on the cursor alone does. */
static bool is_filter(const char *name)
{
    return strcmp(name, "cursor") != 0 && strcmp(name, "limit") != 0 && strcmp(name, "count") != 0 &&
           strcmp(name, "updated_after") != 0;
}

/* With its NUL, so that no two lists of parts run together to the same bytes. */
static void add_part(struct buffer *buffer, const char *text)
{
    buffer_add(buffer, text, strlen(text) + 1);
}

/* Each filter's digest is added up, so that their order does not count. */
static void add_filter(unsigned char sum[32], const char *name, const char *value)
{
    struct buffer text = {.size = 0};
    unsigned char digest[EVP_MAX_MD_SIZE];

    add_part(&text, name);
    add_part(&text, value);
    if (!text.failed && EVP_Digest(text.data, text.size, digest, NULL, EVP_sha256(), NULL) == 1)
        for (unsigned i = 0, carry = 0; i < 32; i++) {
            carry += (unsigned)sum[i] + digest[i];
            sum[i] = (unsigned char)carry;
            carry >>= 8;
        }
    buffer_free(&text);
}

static bool seal(const struct cursor_scope *scope, const char *payload, size_t size, unsigned char *ret_seal)
{
    struct buffer text = {.size = 0};
    unsigned char filters[32] = {0}, digest[EVP_MAX_MD_SIZE];
    unsigned digest_size = 0;
    bool fine;

    for (size_t i = 0; i < scope->n; i++)
        if (is_filter(scope->names[i]))
            add_filter(filters, scope->names[i], scope->values[i]);
    add_part(&text, scope->operation);
    add_part(&text, scope->tenant);
    add_part(&text, scope->subject);
    buffer_add(&text, filters, sizeof filters);
    buffer_add(&text, payload, size);
    fine = !text.failed && HMAC(EVP_sha256(), scope->key, CURSOR_KEY_SIZE, (const unsigned char *)text.data, text.size,
                                digest, &digest_size);
    buffer_free(&text);
    if (fine)
        memcpy(ret_seal, digest, SEAL_SIZE);
    return fine;
}

const char *cursor_seal(struct arena *arena, const struct cursor_scope *scope, const char *payload)
{
    size_t size = strlen(payload);
    unsigned char *bytes = arena_alloc(arena, SEAL_SIZE + size);
    char *text = arena_alloc(arena, (SEAL_SIZE + size) * 4 / 3 + 4);

    if (!bytes || !text || !seal(scope, payload, size, bytes))
        return NULL;
    memcpy(bytes + SEAL_SIZE, payload, size);
    text_base64url(bytes, SEAL_SIZE + size, text);
    return text;
}

const char *cursor_open(struct arena *arena, const struct cursor_scope *scope, const char *cursor)
{
    size_t length = strlen(cursor);
    unsigned char *bytes = length <= MAX_CURSOR ? arena_alloc(arena, length + 1) : NULL;
    unsigned char expected[SEAL_SIZE];
    long size = bytes ? text_base64url_decode(cursor, length, bytes) : -1;
    const char *payload;

    if (size < SEAL_SIZE)
        return NULL;
    payload = (const char *)bytes + SEAL_SIZE;
    if (!seal(scope, payload, (size_t)size - SEAL_SIZE, expected) || CRYPTO_memcmp(expected, bytes, SEAL_SIZE) != 0)
        return NULL;
    /* Sealed by us, so it has no NUL inside; arena_alloc left one behind it. */
    return payload;
}
