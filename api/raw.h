/* raw.h — where values stand in a JSON text that was parsed without fault before. */
#ifndef WHISTLED_RAW_H
#define WHISTLED_RAW_H

#include <stddef.h>

/* The value of a member of the object that begins at `object`: its first byte, and how long it is. NULL when there is
 * no such member, or its name is written with escapes. */
const char *raw_member(const char *object, const char *name, size_t *ret_size);
/* The nth value of the array that begins at `array`; NULL when it has fewer. */
const char *raw_item(const char *array, size_t n, size_t *ret_size);

#endif
