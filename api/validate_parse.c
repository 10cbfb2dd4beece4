/* validate_parse.c — bytes become a JSON value, or are refused: jansson behind a scan for what it would let pass. */
#include <errno.h>
#include <string.h>

#include "text.h"
#include "validate.h"

/* `at` is the opening quote; returns what follows the closing one, or `size`. */
static size_t skip_string(const char *text, size_t size, size_t at)
{
    for (at++; at < size && text[at] != '"'; at++)
        if (text[at] == '\\')
            at++;
    return at < size ? at + 1 : size;
}

/* Of a number's zeros behind the point nothing is left: 3.0 is an integer to JSON Schema, but not to PostgreSQL. Blanks
 * take their place, so that nothing moves. Returns what follows the number. */
static size_t pass_number(char *text, size_t size, size_t at)
{
    const char *digits = "0123456789";
    size_t point, zeros, end = at;

    while (end < size && strchr("0123456789eE+-.", text[end]))
        end++;
    point = at + strspn(text + at, digits);
    zeros = point < end && text[point] == '.' ? strspn(text + point + 1, "0") : 0;
    if (zeros && point + 1 + zeros == end)
        memset(text + point, ' ', end - point);
    return end;
}

/* jansson would follow 2,048 levels on its stack. */
static bool is_shallow(char *text, size_t size)
{
    unsigned depth = 0;

    for (size_t at = 0; at < size;) {
        char c = text[at];

        if (c == '"') {
            at = skip_string(text, size, at);
            continue;
        }
        if (c >= '0' && c <= '9') {
            at = pass_number(text, size, at);
            continue;
        }
        if ((c == '{' || c == '[') && ++depth > JSON_MAX_DEPTH)
            return false;
        if ((c == '}' || c == ']') && depth)
            depth--;
        at++;
    }
    return true;
}

static int load(const char *text, size_t size, size_t flags, json_t **ret_value, enum json_error_code *reterr_code)
{
    json_error_t error;

    *ret_value = json_loadb(text, size, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | flags, &error);
    if (*ret_value)
        return 0;
    *reterr_code = json_error_code(&error);
    return -EBADMSG;
}

int validate_parse(char *text, size_t size, json_t **ret_value, const char **reterr_code)
{
    enum json_error_code error = json_error_unknown;

    *reterr_code = NULL;
    if (!text_is_utf8(text, size) || !is_shallow(text, size))
        return -EBADMSG;
    if (!load(text, size, 0, ret_value, &error))
        return 0;
    /* Too large for 64 bits: as a double it goes on to the validator, which names the field. */
    if (error == json_error_numeric_overflow && !load(text, size, JSON_DECODE_INT_AS_REAL, ret_value, &error))
        return 0;
    if (error == json_error_out_of_memory)
        return -ENOMEM;
    *reterr_code = error == json_error_duplicate_key      ? "duplicate_field"
                   : error == json_error_numeric_overflow ? "too_large"
                                                          : NULL;
    return *reterr_code ? -EINVAL : -EBADMSG;
}
