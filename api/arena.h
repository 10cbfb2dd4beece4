/* arena.h — memory that lives as long as one request: allocated in a row, freed all at once. */
#ifndef WHISTLED_ARENA_H
#define WHISTLED_ARENA_H

#include <stdarg.h>
#include <stddef.h>

struct arena;

/* Returns NULL when memory is out. `limit` bounds everything ever allocated from it, in bytes. */
struct arena *arena_new(size_t limit);
/* Accepts NULL. Returns NULL, so that callers write `a = arena_free(a)`. */
struct arena *arena_free(struct arena *arena);

/* Zeroed, aligned for any type; NULL when the limit or memory is reached. Never freed by hand. */
void *arena_alloc(struct arena *arena, size_t size);
void *arena_memdup(struct arena *arena, const void *data, size_t size);
char *arena_strdup(struct arena *arena, const char *text);
char *arena_strndup(struct arena *arena, const char *text, size_t size);
/* Back to where it was: what was allocated since is gone, and its memory given back. */
struct arena_mark {
    struct block *newest, *behind;
    size_t used, allocated;
};
struct arena_mark arena_mark(const struct arena *arena);
void arena_rewind(struct arena *arena, const struct arena_mark *mark);

char *arena_printf(struct arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
