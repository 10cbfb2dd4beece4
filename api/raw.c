/* raw.c — walks over a JSON text value by value; what is nested is passed over by counting brackets. */
#include "raw.h"

#include <string.h>

static const char *pass_blanks(const char *at)
{
    return at + strspn(at, " \t\r\n");
}

static const char *pass_string(const char *at)
{
    for (at++; *at && *at != '"'; at++)
        at += *at == '\\' && at[1];
    return *at ? at + 1 : at;
}

static const char *pass_nested(const char *at)
{
    size_t depth = 0;

    do {
        if (*at == '"') {
            at = pass_string(at);
            continue;
        }
        depth += *at == '{' || *at == '[';
        depth -= *at == '}' || *at == ']';
        at++;
    } while (depth && *at);
    return at;
}

static const char *pass_value(const char *at)
{
    if (*at == '"')
        return pass_string(at);
    if (*at == '{' || *at == '[')
        return pass_nested(at);
    return at + strcspn(at, ",]} \t\r\n");
}

/* Behind a value: the next one, or NULL at the end. */
static const char *next_value(const char *at)
{
    at = pass_blanks(at);
    return *at == ',' ? pass_blanks(at + 1) : NULL;
}

/* Behind an opening bracket: the first value, or NULL when there is none. */
static const char *first_value(const char *at)
{
    at = *at ? pass_blanks(at + 1) : at;
    return *at == ']' || *at == '}' || !*at ? NULL : at;
}

const char *raw_member(const char *object, const char *name, size_t *ret_size)
{
    size_t name_size = strlen(name);

    for (const char *at = first_value(object); at && *at;) {
        const char *key = at + 1, *end = pass_string(at), *value;

        value = pass_blanks(end);
        value = pass_blanks(value + (*value == ':'));
        at = pass_value(value);
        if ((size_t)(end - key) == name_size + 1 && !strncmp(key, name, name_size)) {
            *ret_size = (size_t)(at - value);
            return value;
        }
        at = next_value(at);
    }
    return NULL;
}

const char *raw_item(const char *array, size_t n, size_t *ret_size)
{
    const char *at = first_value(array);

    while (at) {
        const char *end = pass_value(at);

        if (!n--) {
            *ret_size = (size_t)(end - at);
            return at;
        }
        at = next_value(end);
    }
    return NULL;
}
