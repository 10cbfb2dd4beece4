/* test_multipart.c — parts however they are cut, and whatever only looks like a boundary; what is refused. */
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "multipart.h"

/* What the sink saw: `name|type|F=data;` for each part. */
static char seen[8192];
static size_t n_seen;

static int see(const char *text, size_t size)
{
    assert_true(n_seen + size < sizeof seen);
    memcpy(seen + n_seen, text, size);
    seen[n_seen += size] = '\0';
    return 0;
}

static int begin(void *context, const struct part *part)
{
    char text[1024];

    (void)context;
    snprintf(text, sizeof text, "%s|%s|%s=", part->name, part->content_type,
             !part->file        ? ""
             : part->empty_name ? "E"
                                : "F");
    return see(text, strlen(text));
}

static int take(void *context, const void *data, size_t size)
{
    (void)context;
    return see(data, size);
}

static int end(void *context)
{
    (void)context;
    return see(";", 1);
}

static const struct part_sink sink = {.begin = begin, .data = take, .end = end};

/* Fed in pieces of `step` bytes. */
static int feed(const char *type, const char *body, size_t size, size_t step, bool *ret_whole)
{
    static struct multipart multipart;
    int r = multipart_start(&multipart, type, &sink, NULL);

    n_seen = 0;
    seen[0] = '\0';
    for (size_t at = 0; at < size && !r; at += step)
        r = multipart_feed(&multipart, body + at, size - at < step ? size - at : step);
    *ret_whole = !r && multipart_is_whole(&multipart);
    return r;
}

static void check_size(const char *body, size_t size, const char *expected)
{
    for (size_t step = 1; step <= size + 1; step = step < 16 ? step + 1 : step * 2) {
        bool whole;

        assert_int_equal(feed("multipart/form-data; boundary=XX", body, size, step, &whole), 0);
        assert_string_equal(seen, expected);
        assert_true(whole);
    }
}

static void check(const char *body, const char *expected)
{
    check_size(body, strlen(body), expected);
}

#define PART(name) "Content-Disposition: form-data; name=\"" name "\"\r\n\r\n"

static void test_parts(void **state)
{
    (void)state;
    check("--XX\r\n" PART("a") "1\r\n--XX--\r\n", "a||=1;");
    check("--XX\r\n" PART("a") "1\r\n--XX\r\n" PART("b") "2\r\n--XX--", "a||=1;b||=2;");
    check("preamble\r\n--XX\r\n" PART("a") "\r\n--XX--epilogue\r\n--XX\r\n", "a||=;");
    check("--XX\r\nCONTENT-TYPE: image/png\r\ncontent-disposition: Form-Data; NAME=a; "
          "filename=\"x;\\\".png\"\r\n\r\nP\r\n--XX--",
          "a|image/png|F=P;");
    check("--XX\r\nContent-Disposition: form-data; filename=\"\"; name=\"a\"\r\nX-Other: y\r\n\r\n\r\n--XX--",
          "a||E=;");
    check("--XX\r\nContent-Transfer-Encoding: binary\r\n" PART("\xe5\x9d\x91") "1\r\n--XX--", "\xe5\x9d\x91||=1;");
    check("--XX--", "");
}

static void test_what_only_looks_like_one(void **state)
{
    (void)state;
    check("--XX\r\n" PART("a") "\r\r\n\r\n-\r\n--\r\n--X\r\n--XY--XX\r\n\r\n--XX--",
          "a||=\r\r\n\r\n-\r\n--\r\n--X\r\n--XY--XX\r\n;");
    check("--XX\r\n" PART("a") "\r\n\r\n--XX--", "a||=\r\n;");
    check("--XX\r\n" PART("a") "\r\r\n--XX--", "a||=\r;");
    check("--XX\r\n" PART("a") "--XX--\r\n--XX--", "a||=--XX--;");
}

static void test_any_bytes(void **state)
{
    static const char body[] = "--XX\r\n" PART("a") "b\xff\x80\x01\r\n--XX--";

    (void)state;
    check_size(body, sizeof body - 1, "a||=b\xff\x80\x01;");
}

static void refuse(const char *body, int expected)
{
    for (size_t step = 1; step < 64; step += 7) {
        bool whole;

        assert_int_equal(feed("multipart/form-data; boundary=XX", body, strlen(body), step, &whole), expected);
        assert_false(whole);
    }
}

static void test_refused(void **state)
{
    static char long_head[MULTIPART_HEAD + 100];
    static char many[(MULTIPART_PARTS + 2) * 64];
    size_t n = 0;

    (void)state;
    refuse("--XX\r\n\r\n1\r\n--XX--", -EBADMSG);
    refuse("--XX\r\nContent-Type: text/plain\r\n\r\n1\r\n--XX--", -EBADMSG);
    refuse("--XX\r\nContent-Disposition: attachment; name=\"a\"\r\n\r\n1\r\n--XX--", -EBADMSG);
    refuse("--XX\r\nContent-Disposition: form-data\r\n\r\n1\r\n--XX--", -EBADMSG);
    refuse("--XX\r\nContent-Disposition: form-data; name=\"a\"; name=\"b\"\r\n\r\n1\r\n--XX--", -EBADMSG);
    refuse("--XX\r\nContent-Disposition: form-data; name=\"a\r\n\r\n1\r\n--XX--", -EBADMSG);
    refuse("--XX\r\nContent-Disposition: form-data; name=\"\xff\"\r\n\r\n1\r\n--XX--", -EBADMSG);
    refuse("--XX\r\nContent-Disposition: form-data name=a\r\n\r\n1\r\n--XX--", -EBADMSG);
    refuse("--XX\r\nno header\r\n" PART("a") "1\r\n--XX--", -EBADMSG);
    refuse("--XX\r\n folded: x\r\n" PART("a") "1\r\n--XX--", -EBADMSG);
    refuse("--XX\r\n" PART("a") "1\r\n--XXjunk\r\n--XX--", -EBADMSG);
    refuse("--XX\n" PART("a") "1\r\n--XX--", -EBADMSG);
    refuse("--XX\r\nA: b\nC: d\r\n" PART("a") "1\r\n--XX--", -EBADMSG);
    refuse("--XX\r\nA: b\r\n\rC: d\r\n" PART("a") "1\r\n--XX--", -EBADMSG);
    refuse(
        "--XX\r\nContent-Disposition: form-data; name=a\r\nContent-Disposition: form-data; name=b\r\n\r\n1\r\n--XX--",
        -EBADMSG);
    refuse("--XX\r\nContent-Transfer-Encoding: base64\r\n" PART("a") "MQ==\r\n--XX--", -EBADMSG);
    memcpy(long_head, "--XX\r\nX: ", 9);
    memset(long_head + 9, 'x', sizeof long_head - 10);
    refuse(long_head, -EBADMSG);
    for (int i = 0; i <= MULTIPART_PARTS; i++)
        n += (size_t)snprintf(many + n, sizeof many - n, "%s--XX\r\n" PART("a"), i ? "\r\n" : "");
    refuse(many, -E2BIG);
    /* Cut off: no error, and not whole. */
    refuse("--XX\r\n" PART("a") "1\r\n--XX", 0);
    refuse("--XX\r\n" PART("a") "1\r\n--X", 0);
    refuse("", 0);
    refuse("text=a&b=c", 0);
}

static void test_boundary(void **state)
{
    static const char *const good[] = {"multipart/form-data; boundary=XX", "multipart/form-data;boundary=\"XX\"",
                                       "multipart/form-data; charset=utf-8 ; BOUNDARY=XX",
                                       "multipart/form-data; boundary=\"X X:?\""};
    static const char *const bad[] = {
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=\"\"",
        "multipart/form-data; boundary=\"XX ",
        "multipart/form-data; boundary=\"XX \"",
        "multipart/form-data; boundary=XX; boundary=YY",
        "multipart/form-data; boundary=\"X\tX\"",
        "multipart/form-data boundary=XX",
        "multipart/form-data; boundary=0123456789012345678901234567890123456789012345678901234567890123456789X"};
    static struct multipart multipart;

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_int_equal(multipart_start(&multipart, good[i], &sink, NULL), 0);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(multipart_start(&multipart, bad[i], &sink, NULL), -EBADMSG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parts),     cmocka_unit_test(test_what_only_looks_like_one),
        cmocka_unit_test(test_any_bytes), cmocka_unit_test(test_refused),
        cmocka_unit_test(test_boundary),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
