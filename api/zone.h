/* zone.h — calendar arithmetic that zones and dates share. */
#ifndef WHISTLED_ZONE_H
#define WHISTLED_ZONE_H

#include <stdint.h>

struct civil_day {
    int64_t year;
    int month, day;
};

/* Proleptic Gregorian, days since 1970-01-01. */
struct civil_day civil_from_days(int64_t days);
int64_t civil_to_days(int64_t year, int month, int day);

#endif
