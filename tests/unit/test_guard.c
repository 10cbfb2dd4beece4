/* test_guard.c — targets and headers that a well-formed request may and may not have. */
#include "unit.h"

#include <string.h>

#include "arena.h"
#include "guard.h"

static int setup(void **state)
{
    *state = arena_new(1 << 22);
    return *state ? 0 : -1;
}

static int teardown(void **state)
{
    arena_free(*state);
    return 0;
}

static void test_good_targets(void **state)
{
    static const struct {
        const char *raw, *path, *query;
        size_t n_segments, n_query;
    } cases[] = {
        {"/livez", "/livez", "", 1, 0},
        {"/", "/", "", 1, 0},
        {"/v1/cases/", "/v1/cases/", "", 3, 0},
        {"/v1/cases?status=open&status=closed", "/v1/cases", "status=open&status=closed", 2, 2},
        {"/v1/cases?", "/v1/cases", "", 2, 0},
        {"/v1/cases?q=%E4%BA%95%E7%9B%96&&a", "/v1/cases", "q=%E4%BA%95%E7%9B%96&&a", 2, 2},
        {"/v1/cases?q=井盖", "/v1/cases", "q=井盖", 2, 1},
        {"http://example.com/v1/cases?a=b", "/v1/cases", "a=b", 2, 1},
        {"HTTP://example.com:80", "/", "", 1, 0},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct target target;

        assert_null(guard_target(*state, cases[i].raw, &target));
        assert_string_equal(target.path, cases[i].path);
        assert_string_equal(target.query, cases[i].query);
        assert_int_equal(target.n_segments, cases[i].n_segments);
        assert_int_equal(target.n_query, cases[i].n_query);
    }
}

static void test_decoding(void **state)
{
    struct target target;

    assert_null(guard_target(*state, "/v1/a%2Fb%20c+d?x=1+2%2B3&y%3D=%26&z", &target));
    assert_string_equal(target.segments[1], "a/b c+d");
    assert_string_equal(target.names[0], "x");
    assert_string_equal(target.values[0], "1 2+3");
    assert_string_equal(target.names[1], "y=");
    assert_string_equal(target.values[1], "&");
    assert_string_equal(target.names[2], "z");
    assert_string_equal(target.values[2], "");
}

static void test_bad_targets(void **state)
{
    static const char *const bad[] = {
        "",         "livez",     "//livez",   "/a//b", "/a/./b",        "/a/../b",    "/%2e%2e/b",     "/a%00",
        "/a%0",     "/a%",       "/a%zz",     "/%ff",  "/%c0%af",       "/%ed%a0%80", "/%f4%90%80%80", "/a?b=%00",
        "/a?b=%ff", "/a?%c3=1",  "/a b",      "/a\tb", "/a#b",          "/a\\b",      "/a\x7f",        "/a%0ab",
        "*x",       "ftp://a/b", "http:///b", "/\xff", "/a?b=\xc3\x28",
    };
    struct target target;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const char *code = guard_target(*state, bad[i], &target);

        if (!code)
            fail_msg("%s was let through", bad[i]);
        assert_string_equal(code, "bad_target");
    }
}

static void test_limits_of_targets(void **state)
{
    char text[2 * MAX_TARGET_BYTES];
    struct target target;

    memset(text, 'a', sizeof text);
    text[0] = '/';
    text[MAX_TARGET_BYTES] = '\0';
    assert_null(guard_target(*state, text, &target));
    text[MAX_TARGET_BYTES] = 'a';
    text[MAX_TARGET_BYTES + 1] = '\0';
    assert_string_equal(guard_target(*state, text, &target), "uri_too_long");

    memset(text, '&', 1000);
    memcpy(text, "/?", 2);
    text[1000] = '\0';
    assert_null(guard_target(*state, text, &target));
    for (size_t i = 2; i < 1000; i += 2)
        text[i] = 'a';
    assert_string_equal(guard_target(*state, text, &target), "bad_target");
    /* Deeper than any route: cut, and so found nowhere. */
    assert_null(guard_target(*state, "/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a", &target));
    assert_int_equal(target.n_segments, MAX_SEGMENTS);
    assert_null(guard_target(*state, "*", &target));
    assert_true(target.asterisk);
}

/* Lines as `Name: value`, each ended by a newline. */
static const char *frame(struct arena *arena, const char *lines, const char *version, struct framing *ret_framing)
{
    struct headers headers = {.n = 0};

    while (*lines) {
        size_t size = strcspn(lines, "\n");
        const char *colon = memchr(lines, ':', size);

        assert_non_null(colon);
        guard_header(&headers, arena, lines, (size_t)(colon - lines), colon + 1, size - (size_t)(colon - lines) - 1);
        lines += size + 1;
    }
    return guard_framing(&headers, version, ret_framing);
}

static void test_good_framing(void **state)
{
    struct framing framing;

    assert_null(frame(*state, "Host: a\n", "HTTP/1.1", &framing));
    assert_false(framing.has_body);
    assert_null(frame(*state, "", "HTTP/1.0", &framing));
    assert_null(frame(*state, "host:[::1]:8080\nContent-Length: 12\n", "HTTP/1.1", &framing));
    assert_true(framing.has_body);
    assert_int_equal(framing.length, 12);
    assert_null(frame(*state, "Host: xn--a.example:80\nTransfer-Encoding: Chunked\n", "HTTP/1.1", &framing));
    assert_true(framing.chunked && framing.has_body);
    assert_null(frame(*state, "Host: a\nContent-Length: 0\nExpect: 100-Continue\n", "HTTP/1.1", &framing));
    assert_false(framing.has_body);
}

static void test_bad_framing(void **state)
{
    static const struct {
        const char *lines, *version, *code;
    } cases[] = {
        {"", "HTTP/1.1", "bad_host"},
        {"Host: \n", "HTTP/1.1", "bad_host"},
        {"Host: a\nHost: a\n", "HTTP/1.1", "bad_host"},
        {"Host: a/b\n", "HTTP/1.1", "bad_host"},
        {"Host: a@b\n", "HTTP/1.1", "bad_host"},
        {"Host: a:8o\n", "HTTP/1.1", "bad_host"},
        {"Host: [::1\n", "HTTP/1.1", "bad_host"},
        {"Host: a, b\n", "HTTP/1.1", "bad_host"},
        {"Host: a\nContent-Length: 1\nContent-Length: 1\n", "HTTP/1.1", "bad_framing"},
        {"Host: a\nContent-Length: 1\nTransfer-Encoding: chunked\n", "HTTP/1.1", "bad_framing"},
        {"Host: a\nContent-Length: \n", "HTTP/1.1", "bad_framing"},
        {"Host: a\nContent-Length: -1\n", "HTTP/1.1", "bad_framing"},
        {"Host: a\nContent-Length: 1,1\n", "HTTP/1.1", "bad_framing"},
        {"Host: a\nContent-Length: 0x1\n", "HTTP/1.1", "bad_framing"},
        {"Host: a\nContent-Length: 9999999999999999999\n", "HTTP/1.1", "bad_framing"},
        {"Host: a\nTransfer-Encoding: gzip, chunked\n", "HTTP/1.1", "bad_framing"},
        {"Host: a\nTransfer-Encoding: chunked\nTransfer-Encoding: chunked\n", "HTTP/1.1", "bad_framing"},
        {"Host: a\nTransfer-Encoding: chunked\n", "HTTP/1.0", "bad_framing"},
        {"Host: a\nAuthorization: x\nAuthorization: x\n", "HTTP/1.1", "bad_header"},
        {"Host: a\nBad Name: x\n", "HTTP/1.1", "bad_header"},
        {"Host: a\nBad : x\n", "HTTP/1.1", "bad_header"},
        {"Host: a\n: x\n", "HTTP/1.1", "bad_header"},
        {"Host: a\nX: a\001b\n", "HTTP/1.1", "bad_header"},
        {"Host: a\nX: a\rb\n", "HTTP/1.1", "bad_header"},
        {"Host: a\nX: \x7f\n", "HTTP/1.1", "bad_header"},
        {"Host: a\nExpect: much\n", "HTTP/1.1", "expectation_failed"},
        {"Host: a\n", "HTTP/2.0", "http_version"},
    };
    struct framing framing;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *code = frame(*state, cases[i].lines, cases[i].version, &framing);

        if (!code)
            fail_msg("%s was let through", cases[i].lines);
        assert_string_equal(code, cases[i].code);
    }
}

static void test_lists_are_joined_and_trimmed(void **state)
{
    struct headers headers = {.n = 0};

    guard_header(&headers, *state, "if-match", 8, "  \"1\"\t", 6);
    guard_header(&headers, *state, "If-Match", 8, "\"2\"", 3);
    assert_string_equal(headers.values[HEADER_IF_MATCH], "\"1\", \"2\"");
    assert_int_equal(guard_header_index("IF-MATCH"), HEADER_IF_MATCH);
    assert_int_equal(guard_header_index("X-Other"), -1);
}

static void test_limits_of_headers(void **state)
{
    static char value[MAX_HEADER_BYTES];
    struct headers many = {.n = 0}, long_one = {.n = 0};

    for (int i = 0; i <= MAX_HEADERS; i++)
        guard_header(&many, *state, "X", 1, "y", 1);
    assert_string_equal(many.fault, "headers_too_large");
    memset(value, 'v', sizeof value);
    guard_header(&long_one, *state, "X", 1, value, sizeof value);
    assert_string_equal(long_one.fault, "headers_too_large");
}

static void test_head_leaves_room_for_the_reply(void **state)
{
    struct headers few = {.n = 10, .bytes = 4096}, many = {.n = MAX_HEADERS, .bytes = 4096};
    char target[MAX_TARGET_BYTES + 1];

    (void)state;
    assert_null(guard_head(&few, "/v1/cases"));
    assert_null(guard_head(&many, "/v1/cases"));
    assert_string_equal(guard_head(&many, "/v1/cases?a&b&c&d&e&f&g&h&i&j&k&l&m&n&o&p"), "headers_too_large");
    memset(target, 'a', MAX_TARGET_BYTES);
    target[MAX_TARGET_BYTES] = '\0';
    assert_string_equal(guard_head(&few, target), "headers_too_large");
    few.bytes = MAX_HEAD - 10 * 64 - 2 * MAX_TARGET_BYTES;
    assert_null(guard_head(&few, target));
    few.bytes++;
    assert_string_equal(guard_head(&few, target), "headers_too_large");
    assert_int_equal(guard_query_parts("/v1/cases"), 0);
    assert_int_equal(guard_query_parts("/v1/cases&x"), 0);
    assert_int_equal(guard_query_parts("/v1/cases?"), 1);
    assert_int_equal(guard_query_parts("/v1/cases?a=1&&b"), 3);
}

/* Lines as libmicrohttpd 0.9.75 leaves them: NULs for colon, CR and LF. */
static const char *neighbours(const char *memory, size_t name2, size_t value2, size_t value2_size)
{
    struct headers headers = {.n = 0};

    guard_neighbours(&headers, memory, 1, memory + 3, 1);
    guard_neighbours(&headers, memory + name2, 1, memory + value2, value2_size);
    return headers.fault;
}

static void test_neighbours(void **state)
{
    (void)state;
    assert_null(neighbours("A\0 1\0\0B\0 2\0\0", 6, 9, 1));
    assert_null(neighbours("A\0 1\0\0B\0\0\0\0", 6, 8, 0));
    /* A: 1 NUL x */
    assert_string_equal(neighbours("A\0 1\0x\0\0B\0 2\0\0", 8, 11, 1), "bad_header");
    /* B: 2 NUL x, the last line */
    assert_string_equal(neighbours("A\0 1\0\0B\0 2\0x\0\0", 6, 9, 1), "bad_header");
    /* A: 1 LF */
    assert_string_equal(neighbours("A\0 1\0B\0 2\0\0", 5, 8, 1), "bad_header");
    /* A folded line was moved: its value stands in front of its name. */
    assert_string_equal(neighbours("A\0 1\0\0B\0 2\0\0", 9, 6, 1), "bad_header");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_good_targets),
        TEST(test_decoding),
        TEST(test_bad_targets),
        TEST(test_limits_of_targets),
        TEST(test_good_framing),
        TEST(test_bad_framing),
        TEST(test_lists_are_joined_and_trimmed),
        TEST(test_limits_of_headers),
        TEST(test_head_leaves_room_for_the_reply),
        TEST(test_neighbours),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
