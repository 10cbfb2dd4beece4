/* validate.h — checks a JSON body and parameters against the compiled contract and collects all faults. */
#ifndef WHISTLED_VALIDATE_H
#define WHISTLED_VALIDATE_H

#include <jansson.h>
#include <stddef.h>

#include "arena.h"
#include "contract.h"

/* `pointer` is a JSON pointer into the body ("/reporter/phone", "" for the whole body), or names a parameter:
 * "query.limit", "path.case_id", "header.Prefer". `code` is a code of errors.def (unknown_field, duplicate_field,
 * required, wrong_type, too_short, too_long, too_small, too_large, bad_format, not_in_enum, too_few_items,
 * too_many_items, duplicate_items, pattern_mismatch, unknown_parameter, repeated_parameter …). */
struct fault {
    const char *pointer;
    const char *code;
};

#define MAX_FAULTS 64

/* Begins as zeroes; takes memory with the first fault. */
struct faults {
    const struct fault *items;
    struct fault *room; /* the same, of faults_add alone */
    size_t n;
};

void faults_add(struct faults *faults, struct arena *arena, const char *pointer, const char *code);

/* Compiles the contract's patterns; once, at start. 0 or -EINVAL. */
int validate_start(void);
void validate_stop(void);

enum { JSON_MAX_DEPTH = 32 };

/* Parses strictly: UTF-8, one value, no duplicate keys, no NUL, depth ≤ JSON_MAX_DEPTH. `text` ends in a NUL behind
 * `size`; zeros behind a number's point are blanked out in it (3.0 becomes 3). Returns 0 with a value to be
 * json_decref'ed; -EBADMSG when it is no such JSON; -EINVAL with the code of a fault of the whole body, duplicate_field
 * or too_large; or -ENOMEM. */
int validate_parse(char *text, size_t size, json_t **ret_value, const char **reterr_code);

void validate_json(const struct schema *schema, const json_t *value, struct arena *arena, struct faults *faults);

/* One parameter's text against its schema (integers, numbers and booleans are parsed from text). */
void validate_text(const struct schema *schema, const char *text, const char *pointer, struct arena *arena,
                   struct faults *faults);

#endif
