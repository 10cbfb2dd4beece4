/* test_zone.c — times in RFC 3339, over the edges of summer time, years and epochs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "encode.h"
#include "zone.h"
#include "zone_rule.h"

static void check(const char *name, int64_t unix_us, const char *expected)
{
    struct zone *zone = zone_new(name);
    char text[32];

    assert_non_null(zone);
    assert_int_equal(zone_format(zone, unix_us, text), strlen(expected));
    assert_string_equal(text, expected);
    zone_free(zone);
}

#define S INT64_C(1000000)

static void shanghai(void **state)
{
    (void)state;
    check("Asia/Shanghai", INT64_C(1732350000123456), "2024-11-23T16:20:00.123+08:00");
    check("Asia/Shanghai", 0, "1970-01-01T08:00:00.000+08:00");
    check("Asia/Shanghai", -1, "1970-01-01T07:59:59.999+08:00");
    check("Asia/Shanghai", INT64_C(4102444800) * S, "2100-01-01T08:00:00.000+08:00");
    check("Asia/Shanghai", INT64_C(520000000) * S, "1986-06-24T21:26:40.000+09:00"); /* it had summer time then */
    check("Asia/Shanghai", INT64_C(951753600) * S, "2000-02-29T00:00:00.000+08:00");
}

static void utc_and_halves(void **state)
{
    (void)state;
    check("UTC", INT64_C(1732350000) * S, "2024-11-23T08:20:00.000+00:00");
    check("Asia/Kolkata", INT64_C(1732350000) * S, "2024-11-23T13:50:00.000+05:30");
    check("America/St_Johns", INT64_C(1732350000) * S, "2024-11-23T04:50:00.000-03:30");
}

static void summer_time_turns_on_the_second(void **state)
{
    (void)state;
    check("Europe/Berlin", INT64_C(1711846799) * S, "2024-03-31T01:59:59.000+01:00");
    check("Europe/Berlin", INT64_C(1711846800) * S, "2024-03-31T03:00:00.000+02:00");
    /* far behind the last transition of any file: by the rule */
    check("Europe/Berlin", INT64_C(3994192799) * S, "2096-07-27T03:59:59.000+02:00");
    check("Europe/Berlin", INT64_C(4102444800) * S, "2100-01-01T01:00:00.000+01:00");
    check("Australia/Sydney", INT64_C(4102444800) * S, "2100-01-01T11:00:00.000+11:00");
}

static void one_zone_many_times(void **state)
{
    struct zone *zone = zone_new("Europe/Berlin");
    char text[32];

    (void)state;
    /* Back and forth, so that what the zone remembers of the last answer must not mislead it. */
    for (int i = 0; i < 3; i++) {
        zone_format(zone, INT64_C(1711846800) * S, text);
        assert_string_equal(text, "2024-03-31T03:00:00.000+02:00");
        zone_format(zone, INT64_C(1711846799) * S, text);
        assert_string_equal(text, "2024-03-31T01:59:59.000+01:00");
        zone_format(zone, INT64_C(4102444800) * S, text);
        assert_string_equal(text, "2100-01-01T01:00:00.000+01:00");
        zone_format(zone, INT64_C(4087000000) * S, text);
        assert_string_equal(text, "2099-07-06T07:46:40.000+02:00");
    }
    zone_free(zone);
}

static void years_without_four_digits_are_refused(void **state)
{
    struct zone *zone = zone_new("UTC");
    char text[32];

    (void)state;
    assert_int_equal(zone_format(zone, INT64_C(253402300800) * S, text), 0);
    assert_int_equal(zone_format(zone, INT64_C(253402300799) * S, text), 29);
    assert_int_equal(zone_format(zone, INT64_C(-62167219201) * S, text), 0);
    assert_int_equal(zone_format(zone, INT64_MAX, text), 0);
    assert_int_equal(zone_format(zone, INT64_MIN, text), 0);
    zone_free(zone);
}

static void names_that_are_none(void **state)
{
    (void)state;
    assert_null(zone_new("Atlantis/Capital"));
    assert_null(zone_new("../../etc/passwd"));
    assert_null(zone_new("/etc/localtime"));
    assert_null(zone_new(""));
    assert_null(zone_new("zone.tab"));
}

static void days_and_dates_agree(void **state)
{
    (void)state;
    for (int64_t day = -800000; day < 800000; day += 7) {
        struct civil_day civil = civil_from_days(day);

        assert_int_equal(civil_to_days(civil.year, civil.month, civil.day), day);
    }
}

static void rules(void **state)
{
    struct zone_rule rule;

    (void)state;
    assert_int_equal(zone_rule_parse("CST-8", &rule), 0);
    assert_int_equal(rule.offset, 8 * 3600);
    assert_false(rule.has_summer);
    assert_int_equal(zone_rule_parse("<-0330>3:30<-0230>,M3.2.0,M11.1.0", &rule), 0);
    assert_int_equal(rule.offset, -(3 * 3600 + 1800));
    assert_int_equal(rule.summer_offset, -(2 * 3600 + 1800));
    assert_int_equal(zone_rule_parse("XXX3YYY2,J60/1,59/-1:30", &rule), 0);
    assert_int_equal(rule.end.time, -5400);
    assert_true(zone_rule_parse("", &rule) < 0);
    assert_true(zone_rule_parse("CST", &rule) < 0);
    assert_true(zone_rule_parse("CET-1CEST", &rule) < 0);
    assert_true(zone_rule_parse("CET-1CEST,M13.1.0,M10.5.0", &rule) < 0);
    assert_true(zone_rule_parse("CET-1CEST,M3.5.0,M10.5.0 ", &rule) < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shanghai),
        cmocka_unit_test(utc_and_halves),
        cmocka_unit_test(summer_time_turns_on_the_second),
        cmocka_unit_test(one_zone_many_times),
        cmocka_unit_test(years_without_four_digits_are_refused),
        cmocka_unit_test(names_that_are_none),
        cmocka_unit_test(days_and_dates_agree),
        cmocka_unit_test(rules),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
