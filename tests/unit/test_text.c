/* test_text.c — UTF-8, tokens, base64url, buckets of tokens, identifiers. */
#include "unit.h"

#include <string.h>

#include "rate.h"
#include "text.h"
#include "uuid.h"

static void test_utf8(void **state)
{
    static const char *const good[] = {
        "", "a", "街道", "\xf0\x9f\x8f\xa0", "\xc2\x80", "\xed\x9f\xbf", "\xf4\x8f\xbf\xbf"};
    static const char *const bad[] = {"\x80",         "\xc0\x80",         "\xc1\xbf",         "\xe0\x80\x80",
                                      "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xe8\xa1",
                                      "\xff",         "a\xc3(",           "\xf0\x80\x80\x80"};

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_true(text_is_utf8(good[i], strlen(good[i])));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(text_is_utf8(bad[i], strlen(bad[i])));
    assert_false(text_is_utf8("a\0b", 3));
}

static void test_base64url(void **state)
{
    static const unsigned char bytes[] = {0xfb, 0xff, 0x00, 0x10, 0x83};
    char text[16];
    unsigned char back[16];

    (void)state;
    for (size_t size = 0; size <= sizeof bytes; size++) {
        size_t length = text_base64url(bytes, size, text);

        assert_int_equal(length, strlen(text));
        assert_int_equal(text_base64url_decode(text, length, back), (long)size);
        assert_memory_equal(back, bytes, size);
    }
    assert_string_equal(text, "-_8AEIM");
    assert_true(text_base64url_decode("AA==", 4, back) < 0);
    assert_true(text_base64url_decode("A", 1, back) < 0);
    assert_true(text_base64url_decode("AB", 2, back) < 0); /* spare bits */
    assert_true(text_base64url_decode("A+", 2, back) < 0);
}

static void test_tokens_and_trim(void **state)
{
    const char *text = " \t a b\t ";
    size_t size = strlen(text);

    (void)state;
    assert_true(text_is_token("X-A_b.1", 7));
    assert_false(text_is_token("", 0));
    assert_false(text_is_token("a b", 3));
    assert_false(text_is_token("a\0", 2));
    assert_false(text_is_token("a:", 2));
    text_trim(&text, &size);
    assert_int_equal(size, 3);
    assert_memory_equal(text, "a b", 3);
    assert_true(text_equal("GZip", 4, "gzip"));
    assert_false(text_equal("gzipx", 5, "gzip"));
}

static void test_rate(void **state)
{
    struct rates *rates = rates_new(2, 2), *open = rates_new(0, 0);

    (void)state;
    assert_true(rates_take(rates, "t", "a", 1000));
    assert_true(rates_take(rates, "t", "a", 1000));
    assert_false(rates_take(rates, "t", "a", 1000));
    /* Somebody else, and the same name elsewhere, have their own. */
    assert_true(rates_take(rates, "t", "b", 1000));
    assert_true(rates_take(rates, "u", "a", 1000));
    assert_false(rates_take(rates, "t", "a", 1400));
    assert_true(rates_take(rates, "t", "a", 1600));
    assert_false(rates_take(rates, "t", "a", 1600));
    for (int i = 0; i < 1000; i++)
        assert_true(rates_take(open, "t", "a", 1));
    rates_free(rates);
    rates_free(open);
}

static void test_uuid(void **state)
{
    char first[UUID_SIZE], second[UUID_SIZE];

    (void)state;
    assert_int_equal(uuid_new(first), 0);
    assert_int_equal(uuid_new(second), 0);
    assert_int_equal(strlen(first), 36);
    assert_int_equal(first[14], '7');
    assert_non_null(strchr("89ab", first[19]));
    assert_int_equal(strspn(first, "0123456789abcdef-"), 36);
    assert_string_not_equal(first, second);
}

static int compare_random(const void *one, const void *other)
{
    return strcmp((const char *)one + 19, (const char *)other + 19);
}

/* Random bytes are fetched a few ids at a time: none is used twice. */
static void test_uuids_share_nothing(void **state)
{
    enum { MANY = 100 };
    static char ids[MANY][UUID_SIZE];

    (void)state;
    for (size_t i = 0; i < MANY; i++)
        assert_int_equal(uuid_new(ids[i]), 0);
    qsort(ids, MANY, sizeof ids[0], compare_random);
    for (size_t i = 1; i < MANY; i++)
        assert_string_not_equal(ids[i - 1] + 19, ids[i] + 19);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_utf8), cmocka_unit_test(test_base64url), cmocka_unit_test(test_tokens_and_trim),
        cmocka_unit_test(test_rate), cmocka_unit_test(test_uuid),      cmocka_unit_test(test_uuids_share_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
