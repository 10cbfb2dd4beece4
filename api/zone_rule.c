/* zone_rule.c — reads and applies a POSIX TZ rule. */
#include "zone_rule.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "zone.h"

static bool is_letter(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* CST or <+08> */
static int skip_name(const char **at)
{
    const char *end;

    if (**at == '<') {
        end = strchr(*at, '>');
        if (end == NULL)
            return -EINVAL;
        *at = end + 1;
        return 0;
    }
    for (end = *at; is_letter(*end); end++)
        ;
    if (end - *at < 3)
        return -EINVAL;
    *at = end;
    return 0;
}

static int parse_number(const char **at, int most, int *ret_number)
{
    int number = 0;

    if (!is_digit(**at))
        return -EINVAL;
    for (; is_digit(**at); ++*at) {
        number = number * 10 + (**at - '0');
        if (number > most)
            return -EINVAL;
    }
    *ret_number = number;
    return 0;
}

/* [+-]hh[:mm[:ss]] */
static int parse_time(const char **at, int32_t *ret_seconds)
{
    int sign = **at == '-' ? -1 : 1, unit = 3600, number;
    int32_t seconds = 0;

    if (**at == '-' || **at == '+')
        ++*at;
    do {
        if (parse_number(at, unit == 3600 ? 167 : 59, &number) < 0)
            return -EINVAL;
        seconds += number * unit;
        unit /= 60;
    } while (unit > 0 && **at == ':' && ++*at);
    *ret_seconds = sign * seconds;
    return 0;
}

static int expect(const char **at, char c)
{
    if (**at != c)
        return -EINVAL;
    ++*at;
    return 0;
}

/* M10.5.0, J60, 59 */
static int parse_day(const char **at, struct zone_change *change)
{
    if (**at == 'M') {
        ++*at;
        change->kind = DAY_OF_MONTH_WEEK;
        if (parse_number(at, 12, &change->month) < 0 || expect(at, '.') < 0 || parse_number(at, 5, &change->week) < 0 ||
            expect(at, '.') < 0 || parse_number(at, 6, &change->day) < 0)
            return -EINVAL;
        return change->month > 0 && change->week > 0 ? 0 : -EINVAL;
    }
    change->kind = **at == 'J' ? DAY_JULIAN : DAY_ZERO_BASED;
    if (**at == 'J')
        ++*at;
    return parse_number(at, 365, &change->day);
}

static int parse_change(const char **at, struct zone_change *change)
{
    if (expect(at, ',') < 0 || parse_day(at, change) < 0)
        return -EINVAL;
    change->time = 2 * 3600;
    if (**at != '/')
        return 0;
    ++*at;
    return parse_time(at, &change->time);
}

int zone_rule_parse(const char *text, struct zone_rule *ret_rule)
{
    struct zone_rule rule = {0};
    int32_t west;

    if (skip_name(&text) < 0 || parse_time(&text, &west) < 0)
        return -EINVAL;
    rule.offset = -west; /* POSIX counts westward */
    if (*text == '\0') {
        *ret_rule = rule;
        return 0;
    }

    rule.has_summer = true;
    rule.summer_offset = rule.offset + 3600;
    if (skip_name(&text) < 0)
        return -EINVAL;
    if (*text != ',' && *text != '\0') {
        if (parse_time(&text, &west) < 0)
            return -EINVAL;
        rule.summer_offset = -west;
    }
    if (parse_change(&text, &rule.start) < 0 || parse_change(&text, &rule.end) < 0 || *text != '\0')
        return -EINVAL;
    *ret_rule = rule;
    return 0;
}

static bool is_leap(int64_t year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static int64_t change_day(const struct zone_change *change, int64_t year)
{
    int64_t first, next;
    int weekday;

    switch (change->kind) {
    case DAY_JULIAN: /* 1…365, the leap day is not counted */
        return civil_to_days(year, 1, 1) + change->day - 1 + (is_leap(year) && change->day >= 60);
    case DAY_ZERO_BASED:
        return civil_to_days(year, 1, 1) + change->day;
    case DAY_OF_MONTH_WEEK:
        break;
    }
    first = civil_to_days(year, change->month, 1);
    next = change->month == 12 ? civil_to_days(year + 1, 1, 1) : civil_to_days(year, change->month + 1, 1);
    weekday = (int)(((first + 4) % 7 + 7) % 7); /* 1970-01-01 was a Thursday */
    first += (change->day - weekday + 7) % 7 + 7 * (change->week - 1);
    return first >= next ? first - 7 : first; /* week 5 is the last */
}

int32_t zone_rule_offset(const struct zone_rule *rule, int64_t unix_s, int64_t *ret_from, int64_t *ret_until)
{
    int64_t year = civil_from_days((unix_s + rule->offset) / 86400).year;
    int32_t offset = rule->offset;

    *ret_from = INT64_MIN;
    *ret_until = INT64_MAX;
    for (int64_t of = year - 1; rule->has_summer && of <= year + 1; of++) {
        /* Each change is written in the local time that it ends. */
        int64_t start = change_day(&rule->start, of) * 86400 + rule->start.time - rule->offset;
        int64_t end = change_day(&rule->end, of) * 86400 + rule->end.time - rule->summer_offset;
        const int64_t at[] = {start, end};

        for (int i = 0; i < 2; i++) {
            if (at[i] <= unix_s && at[i] > *ret_from) {
                *ret_from = at[i];
                offset = i == 0 ? rule->summer_offset : rule->offset;
            }
            if (at[i] > unix_s && at[i] < *ret_until)
                *ret_until = at[i];
        }
    }
    return offset;
}
