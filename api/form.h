/* form.h — application/x-www-form-urlencoded becomes the JSON object that the contract's schema describes. */
#ifndef WHISTLED_FORM_H
#define WHISTLED_FORM_H

#include <jansson.h>
#include <stddef.h>

#include "arena.h"
#include "contract.h"
#include "validate.h"

enum { MAX_FORM_FIELDS = 256, MAX_FORM_NAME = 200 };

/* What the specifications that use forms have in common, and what makes two readers see the same thing: a field without
 * a value is none, one that the schema does not know is passed over, one that comes twice is a fault (duplicate_field)
 * unless the schema says list. `name[member]` belongs to the object `name`, `name[member][]` to a list in it. Numbers
 * and flags become such; what cannot stays a text, and the validator says so. */

/* Returns 0 with an object to be json_decref'ed; -EBADMSG when it is no such form (escapes, UTF-8, NUL); -E2BIG when it
 * has more fields than any of ours; or -ENOMEM. */
int form_parse(struct arena *arena, const struct schema *schema, const char *text, size_t size, json_t **ret_value,
               struct faults *faults);

/* One field, decoded: valid UTF-8 without NUL. For forms that come in parts. 0 or -ENOMEM. */
int form_put(struct arena *arena, const struct schema *schema, json_t *object, const char *name, const char *value,
             struct faults *faults);

#endif
