/* log.h — one JSON line per event to stderr. Our faults are errors, the clients' are info; the top logs once. */
#ifndef WHISTLED_LOG_H
#define WHISTLED_LOG_H

#include <stdbool.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERROR };

/* The only mutable global of the program hides behind this; set once, before threads start. */
void log_set_level(enum log_level level);
bool log_wants(enum log_level level);
/* 0…3, or -EINVAL. */
int log_level_parse(const char *name);

/* One more member of the line. A text of NULL leaves the member out. */
struct log_field {
    const char *name;
    const char *text;
    long long number;
    bool is_number;
};
#define LOG_TEXT(field_name, value) ((struct log_field){.name = (field_name), .text = (value)})
#define LOG_NUMBER(field_name, value)                                                                                  \
    ((struct log_field){.name = (field_name), .number = (long long)(value), .is_number = true})

/* `fields` ends with a member whose name is NULL; itself NULL when there is none. */
void log_event(enum log_level level, const char *message, const struct log_field *fields);
void log_line(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
