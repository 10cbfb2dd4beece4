/* test_negotiate.c — Accept, languages, codings, Prefer, content types and entity tags. */
#include "unit.h"

#include "arena.h"
#include "etag.h"
#include "negotiate.h"

static void test_accept(void **state)
{
    static const struct {
        const char *accept;
        bool fine;
    } cases[] = {
        {NULL, true},
        {"", true},
        {"*/*", true},
        {"application/json", true},
        {"APPLICATION/JSON; charset=utf-8", true},
        {"application/*", true},
        {"text/html, */*;q=0.1", true},
        {"text/html", false},
        {"application/xml, text/*", false},
        {"application/json;q=0", false},
        {"*/*, application/json;q=0", false},
        {"application/json;q=0.001", true},
        {"application/*;q=0, application/json", true},
        {"*/*;q=0", false},
        {"application/json;q=x", false},
        {"text/html;level=\"a,b\", application/json", true},
        {"application", false},
        {",,,", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(negotiate_accepts(cases[i].accept, "application", "json"), cases[i].fine);
}

static void test_best(void **state)
{
    static const struct media media[] = {{"text", "csv"}, {"application", "x-ndjson"}};
    static const struct {
        const char *accept;
        int best;
    } cases[] = {
        {NULL, 0},
        {"", 0},
        {"*/*", 0},
        {"text/csv", 0},
        {"application/x-ndjson", 1},
        {"text/csv, application/x-ndjson", 0},
        {"text/csv;q=0.5, application/x-ndjson;q=0.6", 1},
        {"*/*;q=0.1, application/*", 1},
        {"text/csv;q=0, */*", 1},
        {"application/json", -1},
        {"text/*;q=0", -1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(negotiate_best(cases[i].accept, media, 2), cases[i].best);
}

static void test_language(void **state)
{
    static const struct {
        const char *header;
        enum language lang;
    } cases[] = {
        {NULL, LANG_ZH},
        {"", LANG_ZH},
        {"en", LANG_EN},
        {"en-GB", LANG_EN},
        {"EN-us, zh;q=0.9", LANG_EN},
        {"zh-CN,zh;q=0.9,en;q=0.8", LANG_ZH},
        {"fr, en;q=0.8, zh;q=0.1", LANG_EN},
        {"fr", LANG_ZH},
        {"*", LANG_ZH},
        {"en;q=0.5, *", LANG_ZH},
        {"zh;q=0, en;q=0.1", LANG_EN},
        {"eng", LANG_ZH},
        {"en;q=0", LANG_ZH},
        {"zh-Hant;q=0.4,en;q=0.5", LANG_EN},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(negotiate_language(cases[i].header), cases[i].lang);
}

static void test_gzip(void **state)
{
    (void)state;
    assert_false(negotiate_gzip(NULL));
    assert_true(negotiate_gzip("gzip"));
    assert_true(negotiate_gzip("br, GZIP;q=0.5"));
    assert_true(negotiate_gzip("*"));
    assert_false(negotiate_gzip("gzip;q=0"));
    assert_false(negotiate_gzip("*, gzip;q=0"));
    assert_false(negotiate_gzip("identity, br"));
}

static void test_wait(void **state)
{
    (void)state;
    assert_int_equal(negotiate_wait(NULL), 0);
    assert_int_equal(negotiate_wait("wait=25"), 25);
    assert_int_equal(negotiate_wait("respond-async, WAIT = 5"), 5);
    assert_int_equal(negotiate_wait("wait=\"7\"; foo=bar"), 7);
    assert_int_equal(negotiate_wait("wait=99999999999999999999"), 25);
    assert_int_equal(negotiate_wait("wait=0"), 0);
    assert_int_equal(negotiate_wait("wait=-1"), 0);
    assert_int_equal(negotiate_wait("wait=1.5"), 0);
    assert_int_equal(negotiate_wait("wait="), 0);
    assert_int_equal(negotiate_wait("wait"), 0);
    assert_int_equal(negotiate_wait("waiting=5"), 0);
    assert_int_equal(negotiate_wait("wait=\""), 0);
}

static void test_content_type(void **state)
{
    (void)state;
    assert_true(negotiate_is_json("application/json"));
    assert_true(negotiate_is_json("Application/JSON ; charset=\"UTF-8\""));
    assert_false(negotiate_is_json(NULL));
    assert_false(negotiate_is_json(""));
    assert_false(negotiate_is_json("application/json; charset=gbk"));
    assert_false(negotiate_is_json("text/json"));
    assert_false(negotiate_is_json("application/jsonx"));
    assert_false(negotiate_is_json("application/json, text/plain"));
}

static void test_none_match(void **state)
{
    (void)state;
    assert_true(negotiate_none_match("\"a\"", "\"a\""));
    assert_true(negotiate_none_match("\"b\", W/\"a\"", "\"a\""));
    assert_true(negotiate_none_match("*", "\"a\""));
    assert_false(negotiate_none_match("\"b\"", "\"a\""));
    assert_false(negotiate_none_match("a", "\"a\""));
    assert_false(negotiate_none_match(NULL, "\"a\""));
}

static void test_versions(void **state)
{
    static const struct {
        const char *header, *array;
    } cases[] = {
        {"\"17.1f3a90c2\"", "{17}"},
        {"\"17\"", "{17}"},
        {"17", "{17}"},
        {"\"1\", \"2.x\",3", "{1,2,3}"},
        {"W/\"17\"", "{-1}"},
        {"nonsense", "{-1}"},
        {"\"17x\"", "{-1}"},
        {"", "{-1}"},
        {"\"-1\"", "{-1}"},
        {"9999999999999999999", "{-1}"},
        {"\"\"", "{-1}"},
        {"17,", "{17,-1}"},
    };
    struct arena *arena = arena_new(1 << 16);

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(etag_versions(arena, cases[i].header), cases[i].array);
    assert_null(etag_versions(arena, "*"));
    assert_null(etag_versions(arena, " * "));
    assert_non_null(etag_versions(arena, "1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1"));
    assert_string_equal(etag_make(arena, 17, "{}", 2), "\"17.a3a6bf43\"");
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accept),     cmocka_unit_test(test_best),     cmocka_unit_test(test_language),
        cmocka_unit_test(test_gzip),       cmocka_unit_test(test_wait),     cmocka_unit_test(test_content_type),
        cmocka_unit_test(test_none_match), cmocka_unit_test(test_versions),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
