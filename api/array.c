/* array.c — PostgreSQL array literals. */
#include "array.h"

#include <string.h>

const char *array_literal(struct arena *arena, const char *const *items, size_t n)
{
    size_t size = 3;
    char *text, *end;

    for (size_t i = 0; i < n; i++)
        size += 2 * strlen(items[i]) + 3;
    text = end = arena_alloc(arena, size);
    if (!text)
        return NULL;
    *end++ = '{';
    for (size_t i = 0; i < n; i++) {
        if (i)
            *end++ = ',';
        *end++ = '"';
        for (const char *c = items[i]; *c; c++) {
            if (*c == '"' || *c == '\\')
                *end++ = '\\';
            *end++ = *c;
        }
        *end++ = '"';
    }
    *end = '}';
    return text;
}
