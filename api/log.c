/* log.c — one JSON line per event to stderr, each in one write so that threads do not mix. */
#include "log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "text.h"

enum { LINE_SIZE = 2048 };

/* Room is kept for the closing brace; what does not fit is cut, never the line's form. */
struct line {
    char text[LINE_SIZE];
    size_t size;
};

static const char *const level_names[] = {"debug", "info", "warning", "error"};
static enum log_level least = LOG_INFO;

void log_set_level(enum log_level level)
{
    least = level;
}

bool log_wants(enum log_level level)
{
    return level >= least;
}

int log_level_parse(const char *name)
{
    for (int i = LOG_DEBUG; i <= LOG_ERROR; i++)
        if (!strcmp(name, level_names[i]))
            return i;
    return -EINVAL;
}

static bool has_room(const struct line *line, size_t size)
{
    return line->size + size + 8 < sizeof line->text;
}

static void add(struct line *line, const char *text)
{
    size_t size = strlen(text);

    if (!has_room(line, size))
        return;
    memcpy(line->text + line->size, text, size);
    line->size += size;
}

static void add_escaped(struct line *line, char c)
{
    char escape[8];

    if (c == '"' || c == '\\')
        snprintf(escape, sizeof escape, "\\%c", c);
    else if ((unsigned char)c >= 0x80)
        snprintf(escape, sizeof escape, "?");
    else
        snprintf(escape, sizeof escape, "\\u%04x", (unsigned)c);
    add(line, escape);
}

static void add_string(struct line *line, const char *text)
{
    bool readable = text_is_utf8(text, strlen(text));

    add(line, "\"");
    for (const char *c = text; *c && has_room(line, 8); c++) {
        bool high = (unsigned char)*c >= 0x80;

        if (*c == '"' || *c == '\\' || *c == 0x7f || (high ? !readable : (unsigned char)*c < 0x20))
            add_escaped(line, *c);
        else
            line->text[line->size++] = *c;
    }
    /* has_room left eight bytes for this. */
    line->text[line->size++] = '"';
}

static void add_time(struct line *line)
{
    struct timespec now;
    struct tm utc;
    char text[64];
    size_t size;

    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    size = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(text + size, sizeof text - size, ".%03ldZ", now.tv_nsec / 1000000);
    add_string(line, text);
}

static void add_field(struct line *line, const struct log_field *field)
{
    char number[32];

    if (!field->is_number && !field->text)
        return;
    if (!has_room(line, strlen(field->name) + 32))
        return;
    add(line, ",\"");
    add(line, field->name);
    add(line, "\":");
    if (field->is_number) {
        snprintf(number, sizeof number, "%lld", field->number);
        add(line, number);
    } else {
        add_string(line, field->text);
    }
}

void log_event(enum log_level level, const char *message, const struct log_field *fields)
{
    struct line line = {.size = 0};
    ssize_t written;

    if (!log_wants(level))
        return;
    add(&line, "{\"ts\":");
    add_time(&line);
    add(&line, ",\"level\":\"");
    add(&line, level_names[level]);
    add(&line, "\",\"msg\":");
    add_string(&line, message);
    for (; fields && fields->name; fields++)
        add_field(&line, fields);
    line.text[line.size++] = '}';
    line.text[line.size++] = '\n';
    /* A full pipe or closed stderr must not stop the service. */
    written = write(STDERR_FILENO, line.text, line.size);
    (void)written;
}

void log_line(enum log_level level, const char *format, ...)
{
    char text[1024];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    log_event(level, text, /* fields= */ NULL);
}
