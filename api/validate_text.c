/* validate_text.c — texts and numbers against their schema: lengths, patterns, formats, limits. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "format.h"
#include "text.h"
#include "validate_internal.h"

/* Far above what the contract's patterns need, far below what one could feel. */
enum { MATCH_LIMIT = 100000, HEAP_LIMIT_KIB = 256 };

/* Written once by validate_start, before any worker runs, and only read from then on. */
static struct {
    pcre2_code **codes; /* by schema.pattern_index */
    pcre2_match_context *limits;
} patterns;

int validate_start(void)
{
    patterns.codes = calloc(contract.n_patterns + 1, sizeof(pcre2_code *));
    patterns.limits = pcre2_match_context_create(NULL);
    if (!patterns.codes || !patterns.limits)
        return -ENOMEM;
    pcre2_set_match_limit(patterns.limits, MATCH_LIMIT);
    pcre2_set_heap_limit(patterns.limits, HEAP_LIMIT_KIB);

    for (size_t i = 0; i < contract.n_patterns; i++) {
        PCRE2_SIZE offset;
        int error;

        /* As in JSON Schema, `$` is the very end and not before a last newline. */
        patterns.codes[i] = pcre2_compile((PCRE2_SPTR)contract.patterns[i], PCRE2_ZERO_TERMINATED,
                                          PCRE2_UTF | PCRE2_DOLLAR_ENDONLY, &error, &offset, NULL);
        if (!patterns.codes[i])
            return -EINVAL;
    }
    return 0;
}

void validate_stop(void)
{
    for (size_t i = 0; patterns.codes && i < contract.n_patterns; i++)
        pcre2_code_free(patterns.codes[i]);
    free(patterns.codes);
    patterns.codes = NULL;
    pcre2_match_context_free(patterns.limits);
    patterns.limits = NULL;
}

static bool pattern_matches(unsigned index, const char *text, size_t size)
{
    pcre2_match_data *data;
    int r;

    if (!patterns.codes)
        return false;
    data = pcre2_match_data_create(1, NULL);
    if (!data)
        return false;
    r = pcre2_match(patterns.codes[index], (PCRE2_SPTR)text, size, 0, PCRE2_NO_UTF_CHECK, data, patterns.limits);
    pcre2_match_data_free(data);
    return r >= 0;
}

static size_t count_points(const char *text, size_t size)
{
    size_t n = 0;

    for (size_t i = 0; i < size; i++)
        n += ((unsigned char)text[i] & 0xc0) != 0x80;
    return n;
}

static int compare_text(const void *key, const void *item)
{
    return strcmp(key, *(const char *const *)item);
}

const char *string_fault(const struct schema *schema, const char *text, size_t size)
{
    size_t points = count_points(text, size);

    if (schema->n_values && !bsearch(text, schema->values, schema->n_values, sizeof *schema->values, compare_text))
        return "not_in_enum";
    if (points < schema->min_length)
        return "too_short";
    if (points > schema->max_length)
        return "too_long";
    if (!format_fits(schema->format, text, size))
        return "bad_format";
    if (schema->pattern && !pattern_matches(schema->pattern_index, text, size))
        return "pattern_mismatch";
    return NULL;
}

const char *number_fault(const struct schema *schema, double value)
{
    if (schema->has_minimum && value < schema->minimum)
        return "too_small";
    if (schema->has_maximum && value > schema->maximum)
        return "too_large";
    return NULL;
}

/* -?(0|[1-9][0-9]*), and with `real` a fraction and an exponent: JSON's numbers, no blanks, no plus, no hexadecimal. */
static bool is_number(const char *text, bool real)
{
    const char *digits = "0123456789";
    size_t n;

    text += *text == '-';
    n = strspn(text, digits);
    if (!n || (n > 1 && *text == '0'))
        return false;
    text += n;
    if (real && *text == '.') {
        n = strspn(++text, digits);
        if (!n)
            return false;
        text += n;
    }
    if (real && (*text == 'e' || *text == 'E')) {
        text += 1 + (text[1] == '+' || text[1] == '-');
        n = strspn(text, digits);
        if (!n)
            return false;
        text += n;
    }
    return !*text;
}

static const char *integer_text_fault(const struct schema *schema, const char *text)
{
    long long value;

    if (!is_number(text, /* real= */ false))
        return "wrong_type";
    errno = 0;
    value = strtoll(text, NULL, 10);
    if (errno == ERANGE)
        return value > 0 ? "too_large" : "too_small";
    return number_fault(schema, (double)value);
}

static const char *real_text_fault(const struct schema *schema, const char *text)
{
    double value;

    if (!is_number(text, /* real= */ true))
        return "wrong_type";
    value = strtod(text, NULL);
    if (!isfinite(value))
        return value > 0 ? "too_large" : "too_small";
    return number_fault(schema, value);
}

static const char *text_fault(const struct schema *schema, const char *text)
{
    size_t size = strlen(text);

    if (!text_is_utf8(text, size))
        return "bad_characters";
    if (schema->types & JSON_KIND_STRING)
        return string_fault(schema, text, size);
    if (schema->types & JSON_KIND_NUMBER)
        return real_text_fault(schema, text);
    if (schema->types & JSON_KIND_INTEGER)
        return integer_text_fault(schema, text);
    if (schema->types & JSON_KIND_BOOLEAN)
        return !strcmp(text, "true") || !strcmp(text, "false") ? NULL : "wrong_type";
    return "wrong_type";
}

void validate_text(const struct schema *schema, const char *text, const char *pointer, struct arena *arena,
                   struct faults *faults)
{
    const char *code = text_fault(schema, text);

    if (code)
        faults_add(faults, arena, pointer, code);
}
