/* test_auth.c — good tokens become actors; every forged kind is refused, for the reason meant. */
#include "bearer.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "token_cache.h"

static void test_three_algorithms(void **state)
{
    const struct actor *actor = bearer_takes(bearer_hs(HS, GOOD));

    (void)state;
    assert_string_equal(actor->tenant, "maoshan");
    assert_string_equal(actor->subject, "grid-1");
    assert_string_equal(actor->roles_literal, "{\"grid_worker\"}");
    assert_int_equal(actor->roles, 1u << 2);
    assert_int_equal(actor->expires_at, 1732352400);
    assert_null(actor->org);
    assert_null(actor->areas_literal);
    bearer_takes(forge_rs256(RS, GOOD, bearer.forge.rsa));
    bearer_takes(forge_es256(ES, GOOD, bearer.forge.ec));
}

static void test_type(void **state)
{
    (void)state;
    bearer_takes(bearer_hs("{\"alg\":\"HS256\",\"kid\":\"hs\"}", GOOD));
    bearer_takes(bearer_hs("{\"alg\":\"HS256\",\"kid\":\"hs\",\"typ\":\"jwt\"}", GOOD));
    bearer_takes(bearer_hs("{\"alg\":\"HS256\",\"kid\":\"hs\",\"typ\":\"at+jwt\"}", GOOD));
    bearer_takes(
        forge_rs256("{\"alg\":\"RS256\",\"kid\":\"rsa\",\"typ\":\"application/at+jwt\"}", GOOD, bearer.forge.rsa));
    bearer_takes(forge_es256("{\"alg\":\"ES256\",\"kid\":\"ec\",\"typ\":\"AT+JWT\"}", GOOD, bearer.forge.ec));
    bearer_refuses(bearer_hs("{\"alg\":\"HS256\",\"kid\":\"hs\",\"typ\":\"dpop+jwt\"}", GOOD), "the type");
    bearer_refuses(bearer_hs("{\"alg\":\"HS256\",\"kid\":\"hs\",\"typ\":\"\"}", GOOD), "the type");
    bearer_refuses(bearer_hs("{\"alg\":\"HS256\",\"kid\":\"hs\",\"typ\":7}", GOOD), "the type");
    bearer_refuses(bearer_hs("{\"alg\":\"HS256\",\"kid\":\"hs\",\"typ\":null}", GOOD), "the type");
}

/* The type that libjwt does not know must not be the way past the signature. */
static void test_other_type_has_its_signature_checked_too(void **state)
{
    static const char rs[] = "{\"alg\":\"RS256\",\"kid\":\"rsa\",\"typ\":\"at+jwt\"}";
    EVP_PKEY *other = forge_rsa(2048), *other_ec = forge_ec("P-256");
    unsigned char junk[256] = {0};

    (void)state;
    bearer_refuses(forge_rs256(rs, GOOD, other), "the signature is wrong");
    bearer_refuses(forge_with_signature(rs, GOOD, junk, 256), "the signature is wrong");
    bearer_refuses(forge_with_signature(rs, GOOD, junk, 0), "the size");
    bearer_refuses(forge_es256("{\"alg\":\"ES256\",\"kid\":\"ec\",\"typ\":\"at+jwt\"}", GOOD, other_ec), "wrong");
    bearer_refuses(forge_hs256("{\"alg\":\"HS256\",\"kid\":\"hs\",\"typ\":\"at+jwt\"}", GOOD, "x", 1), "wrong");
    EVP_PKEY_free(other);
    EVP_PKEY_free(other_ec);
}

static void test_algorithm_none(void **state)
{
    static const char *const names[] = {"none", "None", "NONE", "nOnE"};

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        char *header = forge_format("{\"alg\":\"%s\",\"kid\":\"hs\"}", names[i]);

        bearer_refuses(forge_with_signature(header, GOOD, "", 0), "not signed");
        bearer_refuses(bearer_hs(header, GOOD), "not signed");
        free(header);
    }
    bearer_refuses(bearer_hs("{\"alg\":\"none \",\"kid\":\"hs\"}", GOOD), "not that of the key");
    bearer_refuses(bearer_hs("{\"alg\":\"\",\"kid\":\"hs\"}", GOOD), "not that of the key");
    bearer_refuses(bearer_hs("{\"kid\":\"hs\"}", GOOD), "names no algorithm");
    bearer_refuses(bearer_hs("{\"alg\":null,\"kid\":\"hs\"}", GOOD), "names no algorithm");
    bearer_refuses(bearer_hs("{\"alg\":[\"HS256\"],\"kid\":\"hs\"}", GOOD), "names no algorithm");
    bearer_refuses(bearer_hs("{\"alg\":\"hs256\",\"kid\":\"hs\"}", GOOD), "not that of the key");
    bearer_refuses(bearer_hs("{\"alg\":\"HS512\",\"kid\":\"hs\"}", GOOD), "not that of the key");
    bearer_refuses(bearer_hs("{\"alg\":\"HS256\\u0000\",\"kid\":\"hs\"}", GOOD), "no JSON object");
}

/* The classic: the public key, which all know, as the secret of an HMAC. */
static void test_algorithm_of_another_key(void **state)
{
    const char *pem = bearer.forge.rsa_public_pem;

    (void)state;
    bearer_refuses(forge_hs256("{\"alg\":\"HS256\",\"kid\":\"rsa\"}", GOOD, pem, strlen(pem)), "not that of the key");
    bearer_refuses(forge_hs256("{\"alg\":\"HS256\",\"kid\":\"rsa\"}", GOOD, pem, strlen(pem) - 1),
                   "not that of the key");
    bearer_refuses(forge_hs256("{\"alg\":\"RS256\",\"kid\":\"rsa\"}", GOOD, pem, strlen(pem)), "the size");
    bearer_refuses(forge_rs256("{\"alg\":\"RS256\",\"kid\":\"hs\"}", GOOD, bearer.forge.rsa), "not that of the key");
    bearer_refuses(forge_rs256("{\"alg\":\"PS256\",\"kid\":\"rsa\"}", GOOD, bearer.forge.rsa), "not that of the key");
    bearer_refuses(forge_rs256("{\"alg\":\"RS512\",\"kid\":\"rsa\"}", GOOD, bearer.forge.rsa), "not that of the key");
    bearer_refuses(forge_es256("{\"alg\":\"ES256\",\"kid\":\"rsa\"}", GOOD, bearer.forge.ec), "not that of the key");
}

static void test_foreign_keys(void **state)
{
    EVP_PKEY *rsa = forge_rsa(2048), *big = forge_rsa(3072), *ec = forge_ec("P-256");

    (void)state;
    bearer_refuses(forge_hs256(HS, GOOD, "", 0), "the signature is wrong");
    bearer_refuses(forge_hs256(HS, GOOD, "secret", 6), "the signature is wrong");
    bearer_refuses(forge_hs256(HS, GOOD, forge_secret, SECRET - 1), "the signature is wrong");
    bearer_refuses(forge_rs256(RS, GOOD, rsa), "the signature is wrong");
    bearer_refuses(forge_rs256(RS, GOOD, big), "the size");
    bearer_refuses(forge_es256(ES, GOOD, ec), "the signature is wrong");
    EVP_PKEY_free(rsa);
    EVP_PKEY_free(big);
    EVP_PKEY_free(ec);
}

static void test_signatures_without_a_key(void **state)
{
    unsigned char zeros[256] = {0}, ones[64];

    (void)state;
    memset(ones, 0xff, sizeof ones);
    bearer_refuses(forge_with_signature(HS, GOOD, zeros, 0), "the size");
    bearer_refuses(forge_with_signature(HS, GOOD, zeros, 32), "wrong");
    bearer_refuses(forge_with_signature(HS, GOOD, zeros, 31), "the size");
    bearer_refuses(forge_with_signature(HS, GOOD, zeros, 64), "the size");
    bearer_refuses(forge_with_signature(RS, GOOD, zeros, 256), "wrong");
    bearer_refuses(forge_with_signature(RS, GOOD, zeros, 255), "the size");
    bearer_refuses(forge_with_signature(ES, GOOD, zeros, 64), "wrong"); /* r = s = 0 */
    bearer_refuses(forge_with_signature(ES, GOOD, ones, 64), "wrong");
    bearer_refuses(forge_with_signature(ES, GOOD, zeros, 63), "the size");
    bearer_refuses(forge_with_signature(ES, GOOD, zeros, 0), "the size");
}

/* Signature and text are one: no other text has it. */
static void test_tampered(void **state)
{
    char *good = bearer_hs(HS, GOOD), *evil = forge_signed_text(HS, "{" WHO ",\"exp\":1732352401}");

    (void)state;
    bearer_refuses(forge_format("%s%s", evil, strrchr(good, '.')), "the signature is wrong");
    for (size_t i = 0; i < strlen(good); i += 7) {
        char *changed = strdup(good);
        const char *reason = NULL;

        changed[i] = changed[i] == 'A' ? 'B' : 'A';
        assert_null(bearer_check(changed, NOW, &reason));
        free(changed);
    }
    free(good);
    free(evil);
}

static void test_alphabet_and_parts(void **state)
{
    char *good = forge_es256(ES, GOOD, bearer.forge.ec), *dot = strrchr(good, '.');
    char last = good[strlen(good) - 1];

    (void)state;
    bearer_refuses(forge_format("%s=", good), "not base64url");
    bearer_refuses(forge_format("%s==", good), "not base64url");
    bearer_refuses(forge_format("%s!", good), "not base64url");
    bearer_refuses(forge_format("%s!!!!", good), "not base64url");
    bearer_refuses(forge_format("%.*s.%%%s", (int)(dot - good), good, dot + 1), "not base64url");
    bearer_refuses(forge_format("%.*s.+%s", (int)(dot - good), good, dot + 2), "not base64url");
    bearer_refuses(forge_format("%.*s./%s", (int)(dot - good), good, dot + 2), "not base64url");
    bearer_refuses(forge_format("%sA", good), "");
    bearer_refuses(forge_format("%.*s", (int)(dot - good), good), "three parts");
    bearer_refuses(forge_format("%.*s.", (int)(dot - good), good), "the size");
    bearer_refuses(forge_format("%s.", good), "three parts");
    bearer_refuses(forge_format("%s.%s", good, "AAAA"), "three parts");
    bearer_refuses(forge_format(".%s", good), "three parts");
    bearer_refuses(forge_format("a.b.c.d.e"), "three parts");
    bearer_refuses(strdup(".."), "no JSON object");
    bearer_refuses(strdup("x"), "three parts");
    /* 64 bytes leave four spare bits in the last character, which must be zero. */
    assert_non_null(strchr("AQgw", last));
    bearer_refuses(forge_format("%.*s%c", (int)strlen(good) - 1, good, last + 1), "not base64url");
    free(good);
}

static void test_header_line(void **state)
{
    char *good = bearer_hs(HS, GOOD), *line = NULL;
    static const char *const formats[] = {"%s",         "Bearer%s",    "Bearer",      "Bearer ",
                                          "Basic %s",   "Bearer x %s", "Bearer %s x", "Bearer %s,x",
                                          "Bearer\t%s", "Bearer %s\t", " Bearer %s"};
    const struct actor *actor = NULL;
    const char *reason = NULL;

    (void)state;
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        const char *place = strstr(formats[i], "%s");

        line = place ? forge_format("%.*s%s%s", (int)(place - formats[i]), formats[i], good, place + 2)
                     : strdup(formats[i]);
        assert_int_equal(auth_check(bearer.auth, line, NOW, &actor, &reason), -EACCES);
        assert_non_null(reason);
        free(line);
    }
    assert_int_equal(auth_check(bearer.auth, NULL, NOW, &actor, &reason), -EACCES);
    assert_null(actor);
    line = forge_format("bEARER   %s", good);
    assert_int_equal(auth_check(bearer.auth, line, NOW, &actor, &reason), 0);
    free(line);
    free(good);
}

static void test_kid(void **state)
{
    static const char *const kids[] = {"\"\"", "7", "null", "[\"hs\"]", "{\"a\":1}", "\"hs\\u0000\""};
    char *long_kid = malloc(400), *header;

    (void)state;
    bearer_refuses(bearer_hs("{\"alg\":\"HS256\",\"kid\":\"other\"}", GOOD), "no key has this kid");
    bearer_refuses(bearer_hs("{\"alg\":\"HS256\",\"kid\":\"../hs\"}", GOOD), "no key has this kid");
    bearer_refuses(bearer_hs("{\"alg\":\"HS256\",\"kid\":\"/dev/null\"}", GOOD), "no key has this kid");
    bearer_refuses(bearer_hs("{\"alg\":\"HS256\",\"kid\":\"hs.hs256\"}", GOOD), "no key has this kid");
    bearer_refuses(bearer_hs("{\"alg\":\"HS256\",\"kid\":\"HS\"}", GOOD), "no key has this kid");
    bearer_refuses(bearer_hs("{\"alg\":\"HS256\",\"kid\":\"x' OR '1'='1\"}", GOOD), "no key has this kid");
    for (size_t i = 0; i < sizeof kids / sizeof kids[0]; i++) {
        header = forge_format("{\"alg\":\"HS256\",\"kid\":%s}", kids[i]);
        bearer_refuses(bearer_hs(header, GOOD), "");
        free(header);
    }
    memset(long_kid, 'k', 399);
    long_kid[399] = '\0';
    header = forge_format("{\"alg\":\"HS256\",\"kid\":\"%s\"}", long_kid);
    bearer_refuses(bearer_hs(header, GOOD), "the kid is no text");
    free(header);
    free(long_kid);
    bearer_refuses(bearer_hs("{\"alg\":\"HS256\"}", GOOD), "names no key");
    forge_remove(&bearer.forge, "rsa.rs256.pem");
    forge_remove(&bearer.forge, "ec.es256.pem");
    bearer_open();
    bearer_takes(bearer_hs("{\"alg\":\"HS256\"}", GOOD));
}

/* Keys that a token brings along are the forger's. */
static void test_header_members(void **state)
{
    EVP_PKEY *other = forge_rsa(2048), *pkeys[] = {other};
    const char *kids[] = {"rsa"};
    char *set = forge_jwks(pkeys, kids, 1, ""), *jwk = strchr(set, '['), *header;

    (void)state;
    header = forge_format("{\"alg\":\"RS256\",\"kid\":\"rsa\",\"jwk\":%.*s}", (int)strlen(jwk) - 3, jwk + 1);
    bearer_refuses(forge_rs256(header, GOOD, other), "the signature is wrong");
    bearer_takes(forge_rs256(header, GOOD, bearer.forge.rsa));
    free(header);
    free(set);
    EVP_PKEY_free(other);
    bearer_takes(
        bearer_hs("{\"alg\":\"HS256\",\"kid\":\"hs\",\"jku\":\"https://evil.example/\",\"x5u\":\"file:///\"}", GOOD));
    bearer_refuses(bearer_hs("{\"alg\":\"HS256\",\"kid\":\"hs\",\"crit\":[\"exp\"]}", GOOD), "extension");
    bearer_refuses(bearer_hs("{\"alg\":\"HS256\",\"kid\":\"hs\",\"crit\":[]}", GOOD), "extension");
    bearer_refuses(bearer_hs("{\"alg\":\"HS256\",\"kid\":\"hs\",\"crit\":null}", GOOD), "extension");
    bearer_refuses(bearer_hs("{\"alg\":\"HS256\",\"kid\":\"hs\",\"b64\":false}", GOOD), "extension");
    bearer_refuses(bearer_hs("{\"alg\":\"none\",\"alg\":\"HS256\",\"kid\":\"hs\"}", GOOD), "a name twice");
    bearer_refuses(bearer_hs("{\"alg\":\"HS256\",\"kid\":\"rsa\",\"kid\":\"hs\"}", GOOD), "a name twice");
    bearer_refuses(bearer_hs("{\"alg\":\"HS256\",\"kid\":\"hs\",\"\\u006bid\":\"hs\"}", GOOD), "a name twice");
}

static void test_texts_that_are_no_objects(void **state)
{
    static const char *const texts[] = {"",
                                        "[]",
                                        "7",
                                        "null",
                                        "\"x\"",
                                        "{",
                                        "{}x",
                                        "{}{}",
                                        "{\"a\":\"\xff\"}",
                                        "\xef\xbb\xbf{}",
                                        "{'a':1}",
                                        "{\"a\":1,}",
                                        "{\"a\":NaN}",
                                        "{\"a\":1e999}",
                                        "{\"a\":99999999999999999999}",
                                        "{\"a\":\"\\ud800\"}"};

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        bearer_refuses(bearer_hs(texts[i], GOOD), "the header is no JSON object");
        bearer_refuses(bearer_hs(HS, texts[i]), "the payload is no JSON object");
    }
    bearer_refuses(bearer_hs(HS, "{" WHO ",\"exp\":1732352400,\"sub\":\"leader-1\"}"), "a name twice");
    bearer_refuses(bearer_hs(HS, "{" WHO ",\"exp\":1,\"exp\":1732352400}"), "a name twice");
    bearer_refuses(bearer_hs(HS, "{" WHO ",\"exp\":1732352400,\"x\":{\"y\":1,\"y\":2}}"), "a name twice");
}

/* The header or payload with `depth` brackets in it; wide ones and brackets in texts are no depth. */
static char *deep(const char *front, unsigned depth, const char *back)
{
    char *open = malloc(depth + 1), *close = malloc(depth + 1), *text;

    memset(open, '[', depth);
    memset(close, ']', depth);
    open[depth] = close[depth] = '\0';
    text = forge_format("%s%s%s%s", front, open, close, back);
    free(open);
    free(close);
    return text;
}

static void test_depth_and_size(void **state)
{
    static const char header_front[] = "{\"alg\":\"HS256\",\"kid\":\"hs\",\"x\":";
    static const char payload_front[] = "{" WHO ",\"exp\":1732352400,\"x\":";
    static const unsigned depths[] = {16, 100, 1500, 2900};
    char *text = deep(payload_front, 15, ",\"y\":\"[[[[[[[[[[[[[[[[[[[[[[\\\"[[[[[[[\"}"), *wide;

    (void)state;
    bearer_takes(bearer_hs(HS, text));
    free(text);
    for (size_t i = 0; i < 4; i++) {
        text = deep(header_front, depths[i], "}");
        bearer_refuses(bearer_hs(text, GOOD), "too deep");
        free(text);
        text = deep(payload_front, depths[i] * 9 / 10 + 2, "}");
        bearer_refuses(bearer_hs(HS, text), "too deep");
        free(text);
    }
    wide = malloc(6001);
    memset(wide, 'w', 6000);
    wide[6000] = '\0';
    text = forge_format("%s\"%s\"}", payload_front, wide);
    bearer_refuses(bearer_hs(HS, text), "longer than 8 KiB");
    free(text);
    wide[5000] = '\0';
    text = forge_format("%s\"%s\"}", payload_front, wide);
    bearer_takes(bearer_hs(HS, text));
    free(text);
    free(wide);
}

static void test_cache(void **state)
{
    char *token = bearer_hs(HS, GOOD), *second = bearer_hs(HS, "{" WHO ",\"exp\":1732352400,\"jti\":\"2\"}");
    const char *reason = NULL;
    const struct actor *first = bearer_check(token, NOW, &reason);
    const struct actor *other = bearer_check(second, NOW, &reason);

    (void)state;
    assert_ptr_equal(bearer_check(token, NOW + 1, &reason), first);
    assert_ptr_equal(bearer_check(second, NOW + 1, &reason), other);
    assert_ptr_not_equal(first, other);
    /* A change of one character is another token. */
    token[strlen(token) - 3] ^= 1;
    bearer_refuses(strdup(token), "");
    token[strlen(token) - 3] ^= 1;
    /* Until it expires, and never before its time. */
    assert_non_null(bearer_check(token, 1732352400 + 29, &reason));
    assert_null(bearer_check(token, 1732352400 + 30, &reason));
    /* Without its key it is nothing. */
    assert_non_null(bearer_check(second, NOW, &reason));
    forge_remove(&bearer.forge, "hs.hs256");
    bearer_refuses_at(strdup(second), NOW + 100, "no key has this kid");
    free(token);
    free(second);
}

static void test_cache_is_bounded(void **state)
{
    struct token_cache *cache = token_cache_new(64);
    unsigned char digest[TOKEN_DIGEST_SIZE] = {0};
    unsigned found = 0;

    (void)state;
    for (unsigned i = 0; i < 1000; i++) {
        memcpy(digest, &i, sizeof i);
        token_cache_add(cache, digest, calloc(1, sizeof(struct actor)), 0, 100);
        assert_non_null(token_cache_find(cache, digest, 99));
        assert_null(token_cache_find(cache, digest, 100));
        assert_null(token_cache_find(cache, digest, -1));
    }
    for (unsigned i = 0; i < 1000; i++) {
        memcpy(digest, &i, sizeof i);
        found += token_cache_find(cache, digest, 1) != NULL;
    }
    assert_int_equal(found, 64);
    token_cache_clear(cache);
    assert_null(token_cache_find(cache, digest, 1));
    token_cache_free(cache);
}

static void test_copy(void **state)
{
    struct arena *arena = arena_new(4096);
    struct actor *copy =
        actor_copy(arena, bearer_takes(bearer_hs(HS, "{" WHO ",\"exp\":1732352400,\"org\":\"water\"}")));

    (void)state;
    bearer_takes(bearer_hs(HS, GOOD));
    assert_string_equal(copy->org, "water");
    assert_string_equal(copy->subject, "grid-1");
    assert_null(copy->areas_literal);
    arena_free(arena);
}

static unsigned said, faults;

static void count(void *context, const char *check, const char *fault)
{
    assert_ptr_equal(context, &said);
    assert_non_null(check);
    said++;
    faults += fault != NULL;
}

static void test_explain(void **state)
{
    char *good = bearer_hs(HS, GOOD), *bad = forge_hs256(HS, "{\"exp\":1}", "x", 1);

    (void)state;
    said = faults = 0;
    assert_int_equal(auth_explain(bearer.auth, good, NOW, count, &said), 0);
    assert_true(said > 15 && !faults);
    said = faults = 0;
    assert_int_equal(auth_explain(bearer.auth, bad, NOW, count, &said), -EACCES);
    assert_true(said > 15 && faults == 6); /* signature, iss, aud, sub, exp, tenant */
    assert_int_equal(auth_explain(bearer.auth, "junk", NOW, count, &said), -EACCES);
    free(good);
    free(bad);
}

/* jansson's allocations, ours and libjwt's, fail one after the other: a good token may be refused, a forged one is
 * never taken. libjwt 1.10.2 says yes with an empty token when one of them fails. */
static int allocations_left;

static void *scarce_malloc(size_t size)
{
    return allocations_left-- > 0 ? malloc(size) : NULL;
}

static int check_scarce(char *token, int left)
{
    char *header = forge_format("Bearer %s", token);
    const struct actor *actor = NULL;
    const char *reason = NULL;
    int r;

    allocations_left = left;
    json_set_alloc_funcs(scarce_malloc, free);
    r = auth_check(bearer.auth, header, NOW, &actor, &reason);
    json_set_alloc_funcs(malloc, free);
    if (!r)
        assert_string_equal(actor->subject, "grid-1");
    free(header);
    free(token);
    return r;
}

static void test_memory_runs_out(void **state)
{
    EVP_PKEY *other = forge_ec("P-256");
    int taken = 0;

    (void)state;
    for (int left = 0; left < 200; left++) {
        /* Each is a new one: the cache must not know it. */
        char *payload = forge_format("{" WHO ",\"exp\":1732352400,\"jti\":\"%d\"}", left);

        assert_int_not_equal(check_scarce(forge_es256(ES, payload, other), left), 0);
        taken += check_scarce(forge_es256(ES, payload, bearer.forge.ec), left) == 0;
        taken += check_scarce(bearer_hs(HS, payload), left) == 0;
        free(payload);
    }
    assert_true(taken > 100 && taken < 400);
    EVP_PKEY_free(other);
}

#define CASE(test) cmocka_unit_test_setup(test, bearer_again)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_three_algorithms),
        CASE(test_type),
        CASE(test_other_type_has_its_signature_checked_too),
        CASE(test_algorithm_none),
        CASE(test_algorithm_of_another_key),
        CASE(test_foreign_keys),
        CASE(test_signatures_without_a_key),
        CASE(test_tampered),
        CASE(test_alphabet_and_parts),
        CASE(test_header_line),
        CASE(test_kid),
        CASE(test_header_members),
        CASE(test_texts_that_are_no_objects),
        CASE(test_depth_and_size),
        CASE(test_cache),
        CASE(test_cache_is_bounded),
        CASE(test_copy),
        CASE(test_explain),
        CASE(test_memory_runs_out),
    };

    return cmocka_run_group_tests(tests, bearer_start, bearer_stop);
}
