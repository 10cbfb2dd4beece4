/* zone_rule.h — the rule behind a zone file's last transition: "CST-8", "CET-1CEST,M3.5.0,M10.5.0/3" (POSIX TZ). */
#ifndef WHISTLED_ZONE_RULE_H
#define WHISTLED_ZONE_RULE_H

#include <stdbool.h>
#include <stdint.h>

enum zone_day_kind { DAY_OF_MONTH_WEEK, DAY_JULIAN, DAY_ZERO_BASED };

struct zone_change {
    enum zone_day_kind kind;
    int month, week, day;
    int32_t time; /* local, seconds from midnight */
};

struct zone_rule {
    int32_t offset; /* seconds east */
    bool has_summer;
    int32_t summer_offset;
    struct zone_change start, end;
};

int zone_rule_parse(const char *text, struct zone_rule *ret_rule);
/* Also says from when until when this offset holds. */
int32_t zone_rule_offset(const struct zone_rule *rule, int64_t unix_s, int64_t *ret_from, int64_t *ret_until);

#endif
