/* validate_internal.h — what the validator's files share. */
#ifndef WHISTLED_VALIDATE_INTERNAL_H
#define WHISTLED_VALIDATE_INTERNAL_H

#include "validate.h"

/* Integers beyond this are not exact as a double: 2^53. */
#define EXACT_INTEGERS 9007199254740992.0

/* Each returns the code of the first thing wrong, or NULL. Texts are valid UTF-8. */
const char *string_fault(const struct schema *schema, const char *text, size_t size);
const char *number_fault(const struct schema *schema, double value);

#endif
