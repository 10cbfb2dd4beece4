/* test_encode_value.c — each binary format of PostgreSQL as JSON. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <endian.h>
#include <errno.h>
#include <math.h>

#include "encode_value.h"

static struct zone *zone;

static int encode(uint32_t type, const void *data, size_t size, struct buffer *out)
{
    const struct value value = {.type = type, .data = data, .size = size};

    return value_encode(&value, zone, out);
}

static void check(uint32_t type, const void *data, size_t size, const char *expected)
{
    struct buffer out = {0};
    int r = encode(type, data, size, &out);

    if (expected == NULL) {
        assert_int_equal(r, -EINVAL);
    } else {
        assert_int_equal(r, 0);
        buffer_add(&out, "", 1);
        assert_string_equal(out.data, expected);
    }
    buffer_free(&out);
}

#define BYTES(text) (text), sizeof(text) - 1

static void integers_and_booleans(void **state)
{
    (void)state;
    check(PG_BOOL, BYTES("\1"), "true");
    check(PG_BOOL, BYTES("\0"), "false");
    check(PG_INT2, BYTES("\xff\xfe"), "-2");
    check(PG_INT4, BYTES("\x7f\xff\xff\xff"), "2147483647");
    check(PG_INT4, BYTES("\x80\0\0\0"), "-2147483648");
    check(PG_INT8, BYTES("\x80\0\0\0\0\0\0\0"), "-9223372036854775808");
    check(PG_INT8, BYTES("\0\0\0\1\0\0\0\0"), "4294967296");
}

static void sizes_must_be_those_of_the_type(void **state)
{
    (void)state;
    check(PG_BOOL, BYTES(""), NULL);
    check(PG_INT4, BYTES("\0\0\1"), NULL);
    check(PG_INT8, BYTES("\0\0\0\1"), NULL);
    check(PG_UUID, BYTES("123"), NULL);
    check(PG_TIMESTAMPTZ, BYTES("1234"), NULL);
    check(/* point */ 600, BYTES("0123456789abcdef"), NULL);
}

static void check_double(double number, const char *expected)
{
    uint64_t bits;

    memcpy(&bits, &number, sizeof(bits));
    bits = htobe64(bits);
    check(PG_FLOAT8, &bits, sizeof(bits), expected);
}

static void check_float(float number, const char *expected)
{
    uint32_t bits;

    memcpy(&bits, &number, sizeof(bits));
    bits = htobe32(bits);
    check(PG_FLOAT4, &bits, sizeof(bits), expected);
}

static void numbers_are_as_short_as_they_can_be(void **state)
{
    (void)state;
    check_double(0, "0");
    check_double(-0.0, "-0");
    check_double(1, "1");
    check_double(0.1, "0.1");
    check_double(121.4737, "121.4737");
    check_double(0.1 + 0.2, "0.30000000000000004");
    check_double(1e22, "1e+22");
    check_double(5e-324, "5e-324");
    check_double(1.7976931348623157e308, "1.7976931348623157e+308");
    check_float(0.1f, "0.1");
    check_float(16777216.0f, "16777216");
    check_float(3.4028235e38f, "3.4028235e+38");
    check_float(1e-45f, "1e-45");
}

/* What is written without printf says the same as printf would. */
static void coordinates_are_written_as_the_shortest_digits(void **state)
{
    uint64_t random = 5341;

    (void)state;
    check_double(-121.4737001, "-121.4737001");
    check_double(0.0001, "0.0001");
    check_double(0.00001, "1e-05");
    check_double(89999999.9999999, "89999999.9999999");
    check_double(90000000.5, "90000000.5");
    for (int i = 0; i < 20000; i++) {
        char text[32];
        double number;

        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        number = (double)((int64_t)(random >> 12) % INT64_C(1800000000)) / pow(10, (double)(random % 9));
        snprintf(text, sizeof text, "%.15g", number);
        check_double(number, text);
    }
}

static void json_knows_no_infinity(void **state)
{
    (void)state;
    check_double(HUGE_VAL, NULL);
    check_double(-HUGE_VAL, NULL);
    check_double(nan(""), NULL);
    check_float(HUGE_VALF, NULL);
    check(PG_TIMESTAMPTZ, BYTES("\x7f\xff\xff\xff\xff\xff\xff\xff"), NULL);
    check(PG_TIMESTAMPTZ, BYTES("\x80\0\0\0\0\0\0\0"), NULL);
    check(PG_DATE, BYTES("\x7f\xff\xff\xff"), NULL);
}

static void doubles_read_back_the_same(void **state)
{
    uint64_t random = 88172645463325252u;

    (void)state;
    for (int i = 0; i < 20000; i++) {
        struct buffer out = {0};
        uint64_t big;
        double number;

        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        memcpy(&number, &random, sizeof(number));
        big = htobe64(random);
        if (!isfinite(number))
            continue;
        assert_int_equal(encode(PG_FLOAT8, &big, sizeof(big), &out), 0);
        buffer_add(&out, "", 1);
        assert_true(strtod(out.data, NULL) == number);
        buffer_free(&out);
    }
}

static void texts_and_json(void **state)
{
    (void)state;
    check(PG_TEXT, BYTES("say \"x\"\n"), "\"say \\\"x\\\"\\n\"");
    check(PG_VARCHAR, BYTES(""), "\"\"");
    check(PG_NAME, BYTES("a"), "\"a\"");
    check(PG_JSON, BYTES("{\"a\": [1]}"), "{\"a\": [1]}");
    check(PG_JSONB, BYTES("\1{\"a\": 1}"), "{\"a\": 1}");
    check(PG_JSONB, BYTES("\2{}"), NULL);
    check(PG_JSONB, BYTES("\1"), NULL);
    check(PG_JSON, BYTES(""), NULL);
}

static void ids_and_times(void **state)
{
    (void)state;
    check(PG_UUID, BYTES("\x01\x93\x58\x1f\xaa\x00\x7a\xbc\x80\x00\x00\x11\x22\x33\x44\xff"),
          "\"0193581f-aa00-7abc-8000-0011223344ff\"");
    check(PG_TIMESTAMPTZ, BYTES("\0\0\0\0\0\0\0\0"), "\"2000-01-01T08:00:00.000+08:00\"");
    check(PG_TIMESTAMPTZ, BYTES("\xff\xff\xff\xff\xff\xff\xff\xff"), "\"2000-01-01T07:59:59.999+08:00\"");
    check(PG_DATE, BYTES("\0\0\0\0"), "\"2000-01-01\"");
    check(PG_DATE, BYTES("\0\0\0\x3b"), "\"2000-02-29\"");
    check(PG_DATE, BYTES("\xff\xff\xff\xff"), "\"1999-12-31\"");
    check(PG_DATE, BYTES("\x7f\0\0\0"), NULL);
}

#define ONE_DIMENSION "\0\0\0\1\0\0\0\0"
#define OF_TEXT "\0\0\0\x19"
#define LOWER "\0\0\0\1"

static void arrays(void **state)
{
    (void)state;
    check(PG_TEXT_ARRAY, BYTES("\0\0\0\0\0\0\0\0" OF_TEXT), "[]");
    check(PG_TEXT_ARRAY, BYTES(ONE_DIMENSION OF_TEXT "\0\0\0\2" LOWER "\0\0\0\1a\0\0\0\2\"b"), "[\"a\",\"\\\"b\"]");
    check(PG_TEXT_ARRAY, BYTES(ONE_DIMENSION OF_TEXT "\0\0\0\1" LOWER "\0\0\0\0"), "[\"\"]");
    check(PG_INT4_ARRAY, BYTES(ONE_DIMENSION "\0\0\0\x17\0\0\0\2" LOWER "\0\0\0\4\0\0\0\7\0\0\0\4\xff\xff\xff\xff"),
          "[7,-1]");
    check(PG_UUID_ARRAY,
          BYTES(ONE_DIMENSION "\0\0\x0b\x86\0\0\0\1" LOWER "\0\0\0\x10"
                              "\x01\x93\x58\x1f\xaa\x00\x7a\xbc\x80\x00\x00\x11\x22\x33\x44\xff"),
          "[\"0193581f-aa00-7abc-8000-0011223344ff\"]");
}

static void arrays_that_are_none(void **state)
{
    (void)state;
    check(PG_TEXT_ARRAY, BYTES("\0\0\0\0"), NULL);
    check(PG_TEXT_ARRAY, BYTES("\0\0\0\2\0\0\0\0" OF_TEXT "\0\0\0\1" LOWER "\0\0\0\1" LOWER "\0\0\0\1a"), NULL);
    check(PG_TEXT_ARRAY, BYTES("\0\0\0\1\0\0\0\1" OF_TEXT "\0\0\0\1" LOWER "\xff\xff\xff\xff"), NULL); /* NULL inside */
    check(PG_TEXT_ARRAY, BYTES(ONE_DIMENSION OF_TEXT "\0\0\0\2" LOWER "\0\0\0\1a"), NULL);
    check(PG_TEXT_ARRAY, BYTES(ONE_DIMENSION OF_TEXT "\0\0\0\1" LOWER "\0\0\0\x9z"), NULL);
    check(PG_TEXT_ARRAY, BYTES(ONE_DIMENSION OF_TEXT "\0\0\0\1" LOWER "\0\0\0\1ab"), NULL);
    check(PG_TEXT_ARRAY, BYTES(ONE_DIMENSION OF_TEXT "\0\0\0\1"), NULL);
}

static int make_zone(void **state)
{
    (void)state;
    zone = zone_new("Asia/Shanghai");
    return zone == NULL;
}

static int end_zone(void **state)
{
    (void)state;
    zone = zone_free(zone);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_and_booleans),
        cmocka_unit_test(sizes_must_be_those_of_the_type),
        cmocka_unit_test(numbers_are_as_short_as_they_can_be),
        cmocka_unit_test(coordinates_are_written_as_the_shortest_digits),
        cmocka_unit_test(json_knows_no_infinity),
        cmocka_unit_test(doubles_read_back_the_same),
        cmocka_unit_test(texts_and_json),
        cmocka_unit_test(ids_and_times),
        cmocka_unit_test(arrays),
        cmocka_unit_test(arrays_that_are_none),
    };

    return cmocka_run_group_tests(tests, make_zone, end_zone);
}
