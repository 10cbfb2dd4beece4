/* test_buffer.c — texts as JSON strings, and what happens when memory is out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "encode.h"

static void check(const char *text, size_t size, const char *expected)
{
    struct buffer buffer = {0};

    buffer_add_json_string(&buffer, text, size);
    assert_int_equal(buffer.size, strlen(expected));
    assert_memory_equal(buffer.data, expected, buffer.size);
    buffer_free(&buffer);
}

static void escapes(void **state)
{
    (void)state;
    check("", 0, "\"\"");
    check("plain", 5, "\"plain\"");
    check("a\"b\\c/d", 7, "\"a\\\"b\\\\c/d\"");
    check("\b\f\n\r\t", 5, "\"\\b\\f\\n\\r\\t\"");
    check("\x01\x1f\x7f", 3, "\"\\u0001\\u001f\x7f\"");
    check("\0", 1, "\"\\u0000\"");
    check("漏水", 6, "\"漏水\"");
}

static void grows(void **state)
{
    struct buffer buffer = {0};

    (void)state;
    for (int i = 0; i < 10000; i++)
        buffer_add(&buffer, "0123456789", 10);
    assert_int_equal(buffer.size, 100000);
    assert_false(buffer.failed);
    for (int i = 0; i < 10000; i++)
        assert_memory_equal(buffer.data + i * 10, "0123456789", 10);
    buffer_free(&buffer);
    assert_null(buffer.data);
}

static void failure_sticks(void **state)
{
    struct buffer buffer = {0};
    volatile size_t most = SIZE_MAX - 8; /* not for the compiler to see */

    (void)state;
    buffer_add(&buffer, "x", most);
    assert_true(buffer.failed);
    buffer_add(&buffer, "x", 1);
    assert_int_equal(buffer.size, 0);
    buffer_free(&buffer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(escapes),
        cmocka_unit_test(grows),
        cmocka_unit_test(failure_sticks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
