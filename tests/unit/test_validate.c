/* test_validate.c — strict JSON, every fault with its pointer, formats as PostgreSQL takes them. */
#include "unit.h"

#include <errno.h>
#include <string.h>

#include "format.h"
#include "validate.h"

#define TEXT(...)                                                                                                      \
    {                                                                                                                  \
        .types = JSON_KIND_STRING, .max_length = SIZE_MAX, .max_items = SIZE_MAX, __VA_ARGS__                          \
    }

static const char *const colours[] = {"blue", "orange", "red"};
static const struct schema colour = TEXT(.values = colours, .n_values = 3);
static const struct schema name = {.types = JSON_KIND_STRING, .min_length = 2, .max_length = 3, .max_items = SIZE_MAX};
static const struct schema nullable_name = {
    .types = JSON_KIND_STRING | JSON_KIND_NULL, .max_length = SIZE_MAX, .max_items = SIZE_MAX};
static const struct schema id = TEXT(.format = FORMAT_UUID);
static const struct schema whole = {
    .types = JSON_KIND_INTEGER, .has_minimum = true, .minimum = 1, .has_maximum = true, .maximum = 5};
static const struct schema any_whole = {.types = JSON_KIND_INTEGER};
static const struct schema real = {.types = JSON_KIND_NUMBER, .has_maximum = true, .maximum = 180};
static const struct schema yes_or_no = {.types = JSON_KIND_BOOLEAN};
static const struct schema names = {
    .types = JSON_KIND_ARRAY, .items = &name, .min_items = 1, .max_items = 3, .unique_items = true};
static const struct schema free_form = {.types = JSON_KIND_OBJECT, .free_form = true};
static const struct property inner_properties[] = {
    {.name = "a/b~c", .schema = &name, .required = true},
};
static const struct schema inner = {.types = JSON_KIND_OBJECT, .properties = inner_properties, .n_properties = 1};
static const struct property properties[] = {
    {.name = "any", .schema = &any_whole},  {.name = "colour", .schema = &colour},
    {.name = "free", .schema = &free_form}, {.name = "id", .schema = &id},
    {.name = "inner", .schema = &inner},    {.name = "name", .schema = &name, .required = true},
    {.name = "names", .schema = &names},    {.name = "nullable", .schema = &nullable_name},
    {.name = "real", .schema = &real},      {.name = "whole", .schema = &whole},
    {.name = "yes", .schema = &yes_or_no},
};
static const char *const with_yes[] = {"colour", "real"};
static const char *const without_yes[] = {"names"};
static const char *const with_orange[] = {"whole"};
static const struct condition conditions[] = {
    {.property = "yes", .value = "true", .required = with_yes, .n_required = 2},
    {.property = "yes", .value = "false", .required = without_yes, .n_required = 1},
    {.property = "colour", .value = "orange", .is_text = true, .required = with_orange, .n_required = 1},
};
static const struct schema body = {.types = JSON_KIND_OBJECT,
                                   .properties = properties,
                                   .n_properties = 11,
                                   .conditions = conditions,
                                   .n_conditions = 3,
                                   .min_properties = 1};

static int parse(const char *text, json_t **ret_value, const char **reterr_code)
{
    char copy[4096];
    size_t size = strlen(text);

    assert_true(size < sizeof copy);
    memcpy(copy, text, size + 1);
    *ret_value = NULL;
    return validate_parse(copy, size, ret_value, reterr_code);
}

/* All faults as "pointer code;", in order. */
static void expect(const char *text, const char *faults_expected)
{
    struct arena *arena = arena_new(1 << 20);
    struct faults faults = {.n = 0};
    char found[4096] = "";
    size_t used = 0;
    const char *code;
    json_t *value;

    assert_int_equal(parse(text, &value, &code), 0);
    validate_json(&body, value, arena, &faults);
    for (size_t i = 0; i < faults.n; i++)
        used += (size_t)snprintf(found + used, sizeof found - used, "%s %s;", faults.items[i].pointer,
                                 faults.items[i].code);
    assert_string_equal(found, faults_expected);
    json_decref(value);
    arena_free(arena);
}

static void refuse(const char *text, int expected, const char *expected_code)
{
    const char *code;
    json_t *value;

    assert_int_equal(parse(text, &value, &code), expected);
    assert_null(value);
    if (expected_code)
        assert_string_equal(code, expected_code);
    else
        assert_null(code);
}

static void test_what_is_fine(void **state)
{
    (void)state;
    expect("{\"name\":\"李四\"}", "");
    expect("{\"name\":\"ab\",\"nullable\":null,\"whole\":3,\"real\":-3,\"yes\":false,\"names\":[\"ab\",\"abc\"]}", "");
    expect("{\"name\":\"ab\",\"free\":{\"x\":[1,{\"y\":null}]},\"inner\":{\"a/b~c\":\"ab\"},\"colour\":\"red\"}", "");
    expect("{\"name\":\"ab\",\"id\":\"0193470A-0000-7000-8000-00000000000f\"}", "");
}

static void test_each_fault(void **state)
{
    (void)state;
    expect("{}", "/name required; too_few_fields;");
    expect("[]", " wrong_type;");
    expect("{\"name\":\"a\"}", "/name too_short;");
    expect("{\"name\":\"四个汉字\"}", "/name too_long;");
    expect("{\"name\":null}", "/name wrong_type;");
    expect("{\"name\":\"ab\",\"none\":1}", "/none unknown_field;");
    expect("{\"name\":\"ab\",\"whole\":0}", "/whole too_small;");
    expect("{\"name\":\"ab\",\"whole\":6}", "/whole too_large;");
    expect("{\"name\":\"ab\",\"whole\":1.5}", "/whole wrong_type;");
    expect("{\"name\":\"ab\",\"whole\":\"1\"}", "/whole wrong_type;");
    expect("{\"name\":\"ab\",\"real\":180.5}", "/real too_large;");
    expect("{\"name\":\"ab\",\"yes\":1}", "/yes wrong_type;");
    expect("{\"name\":\"ab\",\"colour\":\"Red\"}", "/colour not_in_enum;");
    expect("{\"name\":\"ab\",\"id\":\"0193470a-0000-7000-8000-00000000000g\"}", "/id bad_format;");
    expect("{\"name\":\"ab\",\"names\":[]}", "/names too_few_items;");
    expect("{\"name\":\"ab\",\"names\":[\"ab\",\"ac\",\"ad\",\"ae\"]}", "/names too_many_items;");
    expect("{\"name\":\"ab\",\"names\":[\"ab\",\"ab\"]}", "/names duplicate_items;");
}

static void test_what_a_value_requires(void **state)
{
    (void)state;

    expect("{\"name\": \"ab\", \"yes\": true}", "/colour required;/real required;");
    expect("{\"name\": \"ab\", \"yes\": true, \"colour\": \"blue\", \"real\": 1}", "");
    expect("{\"name\": \"ab\", \"yes\": false}", "/names required;");
    expect("{\"name\": \"ab\", \"colour\": \"orange\"}", "/whole required;");
    expect("{\"name\": \"ab\", \"colour\": \"blue\"}", "");
    /* A value of the wrong kind is a fault of its own and requires nothing. */
    expect("{\"name\": \"ab\", \"yes\": \"true\"}", "/yes wrong_type;");
    expect("{\"name\": \"ab\", \"yes\": null}", "/yes wrong_type;");
}

static void test_all_faults_at_once_with_escaped_pointers(void **state)
{
    (void)state;
    expect("{\"names\":[\"ab\",\"a\",1],\"inner\":{\"a/b~c\":\"a\",\"~/\":1},\"yes\":null}",
           "/names/1 too_short;/names/2 wrong_type;/inner/a~1b~0c too_short;/inner/~0~1 unknown_field;"
           "/yes wrong_type;/name required;");
}

static void test_faults_are_bounded(void **state)
{
    struct arena *arena = arena_new(1 << 20);
    struct faults faults = {.n = 0};

    (void)state;
    for (int i = 0; i < 2 * MAX_FAULTS; i++)
        faults_add(&faults, arena, "/x", "required");
    assert_int_equal(faults.n, MAX_FAULTS);
    arena_free(arena);
}

static void test_integers(void **state)
{
    (void)state;
    expect("{\"name\":\"ab\",\"any\":9223372036854775807}", "");
    expect("{\"name\":\"ab\",\"any\":9223372036854775808}", "/any too_large;");
    expect("{\"name\":\"ab\",\"any\":-9223372036854775809}", "/any too_small;");
    expect("{\"name\":\"ab\",\"whole\":1e0}", "");
    expect("{\"name\":\"ab\",\"whole\":3.00}", "");
    refuse("{\"name\":\"ab\",\"any\":1e400}", -EINVAL, "too_large");
}

static void test_zeros_behind_the_point_go(void **state)
{
    char text[] = "{\"a\":3.00,\"b\":[10.0],\"c\":\"1.0\",\"d\":1.50,\"e\":2.0e3}";
    json_t *value = NULL;
    const char *code;

    (void)state;
    assert_int_equal(validate_parse(text, strlen(text), &value, &code), 0);
    assert_string_equal(text, "{\"a\":3   ,\"b\":[10  ],\"c\":\"1.0\",\"d\":1.50,\"e\":2.0e3}");
    assert_true(json_is_integer(json_object_get(value, "a")));
    json_decref(value);
}

static void test_what_is_no_json(void **state)
{
    static const char *const texts[] = {
        "",
        " ",
        "{",
        "{\"a\":1,}",
        "{'a':1}",
        "{\"a\":01}",
        "{\"a\":1}x",
        "{\"a\":1}{}",
        "nul",
        "{\"a\":NaN}",
        "{\"a\":\"\\u0000\"}",
        "{\"a\":\"\\ud800\"}",
        "{\"a\":\"\xff\"}",
        "{\"a\":\"\xc0\x80\"}",
        "{\"a\":\"\xed\xa0\x80\"}",
        "\xef\xbb\xbf{}",
        "{\"a\":\"\t\"}",
        "{\"a\":1e5.0}",
        "{\"a\":1.}",
        "{\"a\":.5}",
        "{\"a\":+1}",
        "[1.0.0]",
    };

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        refuse(texts[i], -EBADMSG, NULL);
}

static void test_nul_inside(void **state)
{
    char text[] = "{\"a\":\"x\0y\"}";
    json_t *value = NULL;
    const char *code;

    (void)state;
    assert_int_equal(validate_parse(text, sizeof text - 1, &value, &code), -EBADMSG);
}

static void test_duplicate_keys(void **state)
{
    (void)state;
    refuse("{\"a\":1,\"a\":1}", -EINVAL, "duplicate_field");
    refuse("{\"a\":{\"b\":1,\"\\u0062\":2}}", -EINVAL, "duplicate_field");
}

static void nest(char *ret_text, int depth)
{
    for (int i = 0; i < depth; i++)
        ret_text[i] = '[', ret_text[2 * depth - 1 - i] = ']';
    ret_text[2 * depth] = '\0';
}

static void test_depth(void **state)
{
    char text[256];
    json_t *value;
    const char *code;

    (void)state;
    nest(text, JSON_MAX_DEPTH);
    assert_int_equal(parse(text, &value, &code), 0);
    json_decref(value);
    nest(text, JSON_MAX_DEPTH + 1);
    refuse(text, -EBADMSG, NULL);
    /* Brackets inside a text are none. */
    assert_int_equal(parse("\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\\\"[[\"", &value, &code), 0);
    json_decref(value);
}

static void expect_format(enum string_format format, const char *text, bool fits)
{
    if (format_fits(format, text, strlen(text)) != fits)
        fail_msg("%s should %sfit", text, fits ? "" : "not ");
}

static void test_times_that_fit(void **state)
{
    static const char *const fit[] = {
        "2024-11-23T16:20:00Z",      "2024-11-23T16:20:00.123+08:00", "2024-11-23t16:20:00z",
        "2024-02-29T00:00:00-15:59", "2016-12-31T23:59:60Z",          "2017-01-01T07:59:60+08:00",
        "0001-01-02T00:00:00Z",      "9999-12-30T23:59:59Z",          "2000-02-29T23:59:59.999999999Z",
    };

    (void)state;
    for (size_t i = 0; i < sizeof fit / sizeof *fit; i++)
        expect_format(FORMAT_DATE_TIME, fit[i], true);
}

static void test_times_that_do_not(void **state)
{
    static const char *const not [] = {
        "",
        "2024-11-23",
        "2024-11-23T16:20:00",
        "2024-11-23 16:20:00Z",
        "2024-11-23T16:20Z",
        "2024-11-23T24:00:00Z",
        "2024-02-31T00:00:00Z",
        "2023-02-29T00:00:00Z",
        "1900-02-29T00:00:00Z",
        "2024-13-01T00:00:00Z",
        "2024-00-01T00:00:00Z",
        "2024-01-00T00:00:00Z",
        "2024-11-23T16:60:00Z",
        "2024-11-23T16:20:61Z",
        "2024-11-23T16:20:60Z",
        "2016-12-31T23:59:60.5Z",
        "0000-01-01T00:00:00Z",
        "10000-01-01T00:00:00Z",
        "2024-11-23T16:20:00.Z",
        "2024-11-23T16:20:00+0800",
        "2024-11-23T16:20:00+08",
        "2024-11-23T16:20:00+16:00",
        "2024-11-23T16:20:00+08:60",
        "2024-11-23T16:20:00Z ",
        "-024-11-23T16:20:00Z",
        "2024-1-23T16:20:00Z",
        "9999-12-31T23:59:59Z",
        "2024-11-23T16:20:00−08:00",
    };

    (void)state;
    for (size_t i = 0; i < sizeof not / sizeof *not ; i++)
        expect_format(FORMAT_DATE_TIME, not [i], false);
}

static void test_dates_and_ids(void **state)
{
    (void)state;
    expect_format(FORMAT_DATE, "2024-02-29", true);
    expect_format(FORMAT_DATE, "2023-02-29", false);
    expect_format(FORMAT_DATE, "2024-02-29T", false);
    expect_format(FORMAT_DATE, "20240229", false);
    expect_format(FORMAT_UUID, "0193470a-0000-7000-8000-00000000000F", true);
    expect_format(FORMAT_UUID, "{0193470a-0000-7000-8000-00000000000f}", false);
    expect_format(FORMAT_UUID, "0193470a000070008000000000000000000f", false);
    expect_format(FORMAT_NONE, "", true);
}

static void expect_text(const struct schema *schema, const char *text, const char *code)
{
    struct arena *arena = arena_new(1 << 16);
    struct faults faults = {.n = 0};

    validate_text(schema, text, "query.x", arena, &faults);
    if (!code) {
        assert_int_equal(faults.n, 0);
    } else {
        assert_int_equal(faults.n, 1);
        assert_string_equal(faults.items[0].code, code);
        assert_string_equal(faults.items[0].pointer, "query.x");
    }
    arena_free(arena);
}

static void test_parameters(void **state)
{
    (void)state;
    expect_text(&whole, "3", NULL);
    expect_text(&whole, "0", "too_small");
    expect_text(&whole, "03", "wrong_type");
    expect_text(&whole, "3.0", "wrong_type");
    expect_text(&whole, " 3", "wrong_type");
    expect_text(&whole, "", "wrong_type");
    expect_text(&whole, "0x3", "wrong_type");
    expect_text(&any_whole, "-9223372036854775808", NULL);
    expect_text(&any_whole, "9223372036854775808", "too_large");
    expect_text(&any_whole, "-9223372036854775809", "too_small");
    expect_text(&real, "1e2", NULL);
    expect_text(&real, "1e999", "too_large");
    expect_text(&real, "inf", "wrong_type");
    expect_text(&real, "1.", "wrong_type");
    expect_text(&yes_or_no, "true", NULL);
    expect_text(&yes_or_no, "TRUE", "wrong_type");
    expect_text(&name, "李四", NULL);
    expect_text(&name, "\xff\xff", "bad_characters");
    expect_text(&colour, "blue", NULL);
    expect_text(&colour, "", "not_in_enum");
}

/* The contract's own patterns: that they compile, and that one of them is asked. */
static void test_patterns(void **state)
{
    struct schema digits = TEXT(.pattern_index = 0);

    (void)state;
    assert_int_equal(validate_start(), 0);
    if (contract.n_patterns) {
        digits.pattern = contract.patterns[0];
        expect_text(&digits, "\x01\x02\n", "pattern_mismatch");
    }
    validate_stop();
    validate_stop();
}

static void test_w3c_date_times(void **state)
{
    static const char *const fit[] = {"2010-01-01T00:00:00Z", "2010-01-01T00:00Z", "2010-01-01T00:00+08:00",
                                      "2010-01-01T00:00:00.5-11:30"};
    static const char *const not [] = {"2010-01-01", "2010-01-01T00Z", "2010-01-01T00:00", "2010-01-01T00:00:00",
                                       "2010-01-01T24:01Z"};

    (void)state;
    for (size_t i = 0; i < sizeof fit / sizeof *fit; i++)
        expect_format(FORMAT_W3C, fit[i], true);
    for (size_t i = 0; i < sizeof not / sizeof *not ; i++)
        expect_format(FORMAT_W3C, not [i], false);
    expect_format(FORMAT_DATE_TIME, "2010-01-01T00:00Z", false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_w3c_date_times),
        cmocka_unit_test(test_what_is_fine),
        cmocka_unit_test(test_each_fault),
        cmocka_unit_test(test_what_a_value_requires),
        cmocka_unit_test(test_all_faults_at_once_with_escaped_pointers),
        cmocka_unit_test(test_faults_are_bounded),
        cmocka_unit_test(test_integers),
        cmocka_unit_test(test_zeros_behind_the_point_go),
        cmocka_unit_test(test_what_is_no_json),
        cmocka_unit_test(test_nul_inside),
        cmocka_unit_test(test_duplicate_keys),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_times_that_fit),
        cmocka_unit_test(test_times_that_do_not),
        cmocka_unit_test(test_dates_and_ids),
        cmocka_unit_test(test_parameters),
        cmocka_unit_test(test_patterns),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
