/* format.c — uuid, date-time (RFC 3339) and date, as strict as PostgreSQL's input or stricter. */
#include "format.h"

#include <stdint.h>

#include "text.h"

/* PostgreSQL reads 128 bytes of a time and ±15:59 of an offset. */
enum { MAX_FRACTION = 30, MAX_OFFSET_HOURS = 15, UUID_LENGTH = 36 };

struct reader {
    const char *text;
    size_t size, at;
};

struct clock {
    int hour, minute, second;
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Exactly `n` digits; -1 when they are not there. */
static int read_digits(struct reader *reader, int n)
{
    int value = 0;

    for (int i = 0; i < n; i++, reader->at++) {
        if (reader->at >= reader->size || !is_digit(reader->text[reader->at]))
            return -1;
        value = value * 10 + (reader->text[reader->at] - '0');
    }
    return value;
}

static bool read_one_of(struct reader *reader, const char *choices, char *ret_c)
{
    if (reader->at >= reader->size)
        return false;
    for (const char *c = choices; *c; c++)
        if (reader->text[reader->at] == *c) {
            *ret_c = *c;
            reader->at++;
            return true;
        }
    return false;
}

static bool read_mark(struct reader *reader, const char *choices)
{
    char c;

    return read_one_of(reader, choices, &c);
}

static int days_in_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return month == 2 && leap ? 29 : days[month - 1];
}

struct day {
    int year, month, day;
};

static bool read_date(struct reader *reader, struct day *ret_day)
{
    struct day day;

    day.year = read_digits(reader, 4);
    if (day.year < 1 || !read_mark(reader, "-"))
        return false;
    day.month = read_digits(reader, 2);
    if (day.month < 1 || day.month > 12 || !read_mark(reader, "-"))
        return false;
    day.day = read_digits(reader, 2);
    if (day.day < 1 || day.day > days_in_month(day.year, day.month))
        return false;
    *ret_day = day;
    return true;
}

static bool read_fraction(struct reader *reader, bool *ret_zero)
{
    size_t start;

    *ret_zero = true;
    if (!read_mark(reader, "."))
        return true;
    start = reader->at;
    for (; reader->at < reader->size && is_digit(reader->text[reader->at]); reader->at++)
        *ret_zero = *ret_zero && reader->text[reader->at] == '0';
    return reader->at > start && reader->at - start <= MAX_FRACTION;
}

/* 24:00 is none: RFC 3339 writes it as 00:00 of the next day. */
static bool read_time(struct reader *reader, bool seconds_wanted, struct clock *ret_clock)
{
    struct clock clock = {.second = 0};
    bool exact;

    clock.hour = read_digits(reader, 2);
    if (clock.hour < 0 || clock.hour > 23 || !read_mark(reader, ":"))
        return false;
    clock.minute = read_digits(reader, 2);
    if (clock.minute < 0 || clock.minute > 59)
        return false;
    if (!read_mark(reader, ":")) {
        *ret_clock = clock;
        return !seconds_wanted;
    }
    clock.second = read_digits(reader, 2);
    if (clock.second < 0 || clock.second > 60 || !read_fraction(reader, &exact))
        return false;
    if (clock.second == 60 && !exact)
        return false; /* PostgreSQL takes a leap second's beginning only */
    *ret_clock = clock;
    return true;
}

/* Minutes east of Greenwich. */
static bool read_offset(struct reader *reader, int *ret_minutes)
{
    char sign;
    int hours, minutes;

    *ret_minutes = 0;
    if (read_mark(reader, "Zz"))
        return true;
    if (!read_one_of(reader, "+-", &sign))
        return false;
    hours = read_digits(reader, 2);
    if (hours < 0 || hours > MAX_OFFSET_HOURS || !read_mark(reader, ":"))
        return false;
    minutes = read_digits(reader, 2);
    if (minutes < 0 || minutes > 59)
        return false;
    *ret_minutes = (sign == '-' ? -1 : 1) * (hours * 60 + minutes);
    return true;
}

/* A leap second is the last of a day in UTC, wherever it is told. */
static bool second_exists(const struct clock *clock, int offset)
{
    int utc = clock->hour * 60 + clock->minute - offset;

    utc = (utc % 1440 + 1440) % 1440;
    return clock->second < 60 || utc == 1439;
}

/* A day at either end of four-digit years is left out, so that a time has four digits in every zone. */
static bool year_stays(const struct day *day)
{
    bool first = day->year == 1 && day->month == 1 && day->day == 1;
    bool last = day->year == 9999 && day->month == 12 && day->day == 31;

    return !first && !last;
}

static bool is_date_time(const char *text, size_t size, bool seconds_wanted)
{
    struct reader reader = {.text = text, .size = size};
    struct day day;
    struct clock clock;
    int offset;

    return read_date(&reader, &day) && year_stays(&day) && read_mark(&reader, "Tt") &&
           read_time(&reader, seconds_wanted, &clock) && read_offset(&reader, &offset) && reader.at == size &&
           second_exists(&clock, offset);
}

static bool is_date(const char *text, size_t size)
{
    struct reader reader = {.text = text, .size = size};
    struct day day;

    return read_date(&reader, &day) && reader.at == size;
}

static bool is_uuid(const char *text, size_t size)
{
    if (size != UUID_LENGTH)
        return false;
    for (size_t i = 0; i < size; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;

        if (dash ? text[i] != '-' : text_hex_digit(text[i]) < 0)
            return false;
    }
    return true;
}

bool format_fits(enum string_format format, const char *text, size_t size)
{
    switch (format) {
    case FORMAT_NONE:
        return true;
    case FORMAT_UUID:
        return is_uuid(text, size);
    case FORMAT_DATE_TIME:
        return is_date_time(text, size, /* seconds_wanted= */ true);
    case FORMAT_W3C:
        return is_date_time(text, size, /* seconds_wanted= */ false);
    case FORMAT_DATE:
        return is_date(text, size);
    }
    return false;
}
