/* zone.c — one time zone's offsets, from the system's zone file (TZif, RFC 8536), and RFC 3339 times written with them.
 * libc knows only one zone per process, by a variable that threads share. */
#include "zone.h"

#include <endian.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "encode.h"
#include "zone_rule.h"

enum { ZONE_FILE_MAX = 256 * 1024, HEADER_SIZE = 44 };

struct zone {
    int64_t *times; /* offset[i] holds from times[i] */
    int32_t *offsets;
    size_t n;
    int32_t first_offset;  /* before times[0] */
    struct zone_rule rule; /* behind the last */
    /* What the last answer rested on. */
    int64_t from, until;
    int32_t offset;
    int64_t day; /* with day_text */
    char day_text[11];
};

/* Howard Hinnant's algorithm: years begin in March, so that a leap day ends one. */
struct civil_day civil_from_days(int64_t days)
{
    int64_t shifted = days + 719468, era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
    int64_t of_era = shifted - era * 146097;
    int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
    int64_t month = (5 * of_year + 2) / 153;
    int civil_month = (int)(month < 10 ? month + 3 : month - 9);

    return (struct civil_day){
        .year = year + era * 400 + (civil_month <= 2),
        .month = civil_month,
        .day = (int)(of_year - (153 * month + 2) / 5 + 1),
    };
}

int64_t civil_to_days(int64_t year, int month, int day)
{
    int64_t shifted = year - (month <= 2), era = (shifted >= 0 ? shifted : shifted - 399) / 400;
    int64_t of_era = shifted - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static int64_t read_i64(const char *data)
{
    uint64_t big;

    memcpy(&big, data, sizeof(big));
    return (int64_t)be64toh(big);
}

static uint32_t read_u32(const char *data)
{
    uint32_t big;

    memcpy(&big, data, sizeof(big));
    return be32toh(big);
}

/* Counts of a block, in the order of the header. */
struct counts {
    size_t isut, isstd, leap, time, type, chars;
};

static int read_header(const char *data, size_t size, struct counts *ret_counts)
{
    if (size < HEADER_SIZE || memcmp(data, "TZif", 4) != 0 || data[4] < '2')
        return -EINVAL;
    *ret_counts = (struct counts){
        .isut = read_u32(data + 20),
        .isstd = read_u32(data + 24),
        .leap = read_u32(data + 28),
        .time = read_u32(data + 32),
        .type = read_u32(data + 36),
        .chars = read_u32(data + 40),
    };
    if (ret_counts->time > ZONE_FILE_MAX || ret_counts->type == 0 || ret_counts->type > 256 ||
        ret_counts->leap > ZONE_FILE_MAX || ret_counts->chars > ZONE_FILE_MAX || ret_counts->isut > 256 ||
        ret_counts->isstd > 256)
        return -EINVAL;
    return 0;
}

static size_t block_size(const struct counts *c, size_t time_size)
{
    return c->time * (time_size + 1) + c->type * 6 + c->chars + c->leap * (time_size + 4) + c->isstd + c->isut;
}

static int read_transitions(struct zone *zone, const char *data, const struct counts *counts)
{
    const char *indexes = data + counts->time * 8, *types = indexes + counts->time;

    zone->times = calloc(counts->time + 1, sizeof(*zone->times));
    zone->offsets = calloc(counts->time + 1, sizeof(*zone->offsets));
    if (zone->times == NULL || zone->offsets == NULL)
        return -ENOMEM;
    zone->n = counts->time;
    zone->first_offset = (int32_t)read_u32(types);
    for (size_t i = 0; i < counts->time; i++) {
        unsigned char type = (unsigned char)indexes[i];

        if (type >= counts->type)
            return -EINVAL;
        zone->times[i] = read_i64(data + i * 8);
        zone->offsets[i] = (int32_t)read_u32(types + type * 6);
    }
    return 0;
}

/* The footer, a rule between two line ends, holds behind the last transition; an empty one: what held last holds on. */
static int read_footer(struct zone *zone, const char *data, size_t size)
{
    char text[128];
    const char *end = size > 1 && data[0] == '\n' ? memchr(data + 1, '\n', size - 1) : NULL;
    size_t length = end != NULL ? (size_t)(end - data) - 1 : 0;

    if (end == NULL || length >= sizeof(text))
        return -EINVAL;
    memcpy(text, data + 1, length);
    text[length] = '\0';
    if (length > 0)
        return zone_rule_parse(text, &zone->rule);
    zone->rule = (struct zone_rule){.offset = zone->n > 0 ? zone->offsets[zone->n - 1] : zone->first_offset};
    return 0;
}

/* The file holds everything twice: with 32-bit times for old readers, then as we want it. */
static int zone_parse(struct zone *zone, const char *data, size_t size)
{
    struct counts counts;
    size_t skip;
    int r = read_header(data, size, &counts);

    if (r < 0)
        return r;
    skip = HEADER_SIZE + block_size(&counts, 4);
    if (skip > size || read_header(data + skip, size - skip, &counts) < 0)
        return -EINVAL;
    data += skip + HEADER_SIZE;
    size -= skip + HEADER_SIZE;
    if (block_size(&counts, 8) > size)
        return -EINVAL;

    r = read_transitions(zone, data, &counts);
    if (r == 0)
        r = read_footer(zone, data + block_size(&counts, 8), size - block_size(&counts, 8));
    return r;
}

/* A name is not a path: nothing climbs out of the folder. */
static FILE *zone_open(const char *name)
{
    char path[256];

    if (name[0] == '\0' || name[0] == '/' || strstr(name, "..") != NULL)
        return NULL;
    if ((size_t)snprintf(path, sizeof(path), "/usr/share/zoneinfo/%s", name) >= sizeof(path))
        return NULL;
    return fopen(path, "rbe");
}

static int zone_read(struct zone *zone, const char *name)
{
    FILE *file = zone_open(name);
    char *data = file != NULL ? malloc(ZONE_FILE_MAX) : NULL;
    int r = -ENOENT;

    if (data != NULL)
        r = zone_parse(zone, data, fread(data, 1, ZONE_FILE_MAX, file));
    if (file != NULL)
        fclose(file);
    free(data);
    return r;
}

struct zone *zone_new(const char *name)
{
    struct zone *zone = calloc(1, sizeof(*zone));

    if (zone == NULL)
        return NULL;
    zone->day = INT64_MIN;
    /* Containers without zone files still know this one. */
    if (zone_read(zone, name) < 0 && strcmp(name, "UTC") != 0)
        return zone_free(zone);
    return zone;
}

struct zone *zone_free(struct zone *zone)
{
    if (zone == NULL)
        return NULL;
    free(zone->times);
    free(zone->offsets);
    free(zone);
    return NULL;
}

static void find_offset(struct zone *zone, int64_t unix_s)
{
    size_t low = 0, high = zone->n;

    while (low < high) {
        size_t middle = (low + high) / 2;

        if (zone->times[middle] <= unix_s)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == zone->n) {
        int64_t since = zone->n > 0 ? zone->times[zone->n - 1] : INT64_MIN;

        zone->offset = zone_rule_offset(&zone->rule, unix_s, &zone->from, &zone->until);
        zone->from = zone->from > since ? zone->from : since;
        return;
    }
    zone->from = low > 0 ? zone->times[low - 1] : INT64_MIN;
    zone->until = zone->times[low];
    zone->offset = low > 0 ? zone->offsets[low - 1] : zone->first_offset;
}

static void put_digits(char *to, int number, int digits)
{
    while (digits-- > 0) {
        to[digits] = (char)('0' + number % 10);
        number /= 10;
    }
}

/* 2024-11-23T; most times of a page are of few days. */
static bool find_day(struct zone *zone, int64_t day)
{
    struct civil_day civil;

    if (day == zone->day)
        return true;
    civil = civil_from_days(day);
    if (civil.year < 0 || civil.year > 9999)
        return false;
    memcpy(zone->day_text, "0000-00-00T", sizeof(zone->day_text));
    put_digits(zone->day_text, (int)civil.year, 4);
    put_digits(zone->day_text + 5, civil.month, 2);
    put_digits(zone->day_text + 8, civil.day, 2);
    zone->day = day;
    return true;
}

static int64_t divide_down(int64_t number, int64_t by)
{
    return number / by - (number % by < 0);
}

size_t zone_format(struct zone *zone, int64_t unix_us, char *ret_text)
{
    int64_t unix_ms = divide_down(unix_us, 1000), unix_s = divide_down(unix_ms, 1000), local, day;
    int second, minutes;

    if (unix_s < zone->from || unix_s >= zone->until)
        find_offset(zone, unix_s);
    local = unix_s + zone->offset;
    day = divide_down(local, 86400);
    if (!find_day(zone, day))
        return 0;

    second = (int)(local - day * 86400);
    minutes = (zone->offset < 0 ? -zone->offset : zone->offset) / 60;
    memcpy(ret_text, zone->day_text, 11);
    memcpy(ret_text + 11, "00:00:00.000+00:00", 19);
    put_digits(ret_text + 11, second / 3600, 2);
    put_digits(ret_text + 14, second / 60 % 60, 2);
    put_digits(ret_text + 17, second % 60, 2);
    put_digits(ret_text + 20, (int)(unix_ms - unix_s * 1000), 3);
    ret_text[23] = zone->offset < 0 ? '-' : '+';
    put_digits(ret_text + 24, minutes / 60, 2);
    put_digits(ret_text + 27, minutes % 60, 2);
    return 29;
}
