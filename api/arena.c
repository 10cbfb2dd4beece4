/* arena.c — memory that lives as long as one request: blocks filled from the front, freed all at once. */
#include "arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The first block holds most requests whole; with it the arena itself is one malloc. */
enum { FIRST_BLOCK = 4 * 1024, NEXT_BLOCK = 16 * 1024 };

struct block {
    struct block *next;
    size_t size, used;
    alignas(max_align_t) unsigned char data[];
};

struct arena {
    struct block *newest;
    size_t limit, allocated;
};

static struct block *block_new(size_t size, struct block *next)
{
    struct block *block = malloc(sizeof *block + size);

    if (!block)
        return NULL;
    *block = (struct block){.next = next, .size = size};
    return block;
}

static size_t aligned(size_t size)
{
    return (size + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
}

static void *block_take(struct block *block, size_t size)
{
    void *memory = block->data + block->used;

    block->used += size;
    return memory;
}

struct arena *arena_new(size_t limit)
{
    struct block *first = block_new(FIRST_BLOCK, /* next= */ NULL);
    struct arena *arena;

    if (!first)
        return NULL;
    arena = block_take(first, aligned(sizeof *arena));
    *arena = (struct arena){.newest = first, .limit = limit};
    return arena;
}

struct arena *arena_free(struct arena *arena)
{
    struct block *block = arena ? arena->newest : NULL;

    /* The arena lies in the oldest block, which goes last. */
    while (block) {
        struct block *next = block->next;

        free(block);
        block = next;
    }
    return NULL;
}

/* A big piece gets a block of its own behind the newest, whose rest stays in use. */
static void *take_big(struct arena *arena, size_t size)
{
    struct block *block = block_new(size, arena->newest->next);

    if (!block)
        return NULL;
    arena->newest->next = block;
    return block_take(block, size);
}

static void *take(struct arena *arena, size_t size)
{
    if (size > arena->newest->size - arena->newest->used) {
        struct block *block;

        if (size > NEXT_BLOCK / 4 && arena->newest->next)
            return take_big(arena, size);
        block = block_new(size > NEXT_BLOCK ? size : NEXT_BLOCK, arena->newest);
        if (!block)
            return NULL;
        arena->newest = block;
    }
    return block_take(arena->newest, size);
}

static void *alloc_raw(struct arena *arena, size_t size)
{
    void *memory;

    if (size > SIZE_MAX / 2)
        return NULL;
    size = aligned(size ? size : 1);
    if (size > arena->limit - arena->allocated)
        return NULL;
    memory = take(arena, size);
    if (memory)
        arena->allocated += size;
    return memory;
}

struct arena_mark arena_mark(const struct arena *arena)
{
    return (struct arena_mark){
        .newest = arena->newest,
        .behind = arena->newest->next,
        .used = arena->newest->used,
        .allocated = arena->allocated,
    };
}

static struct block *free_until(struct block *block, const struct block *end)
{
    while (block != end) {
        struct block *next = block->next;

        free(block);
        block = next;
    }
    return block;
}

void arena_rewind(struct arena *arena, const struct arena_mark *mark)
{
    arena->newest = free_until(arena->newest, mark->newest);
    /* Big pieces went behind it. */
    arena->newest->next = free_until(arena->newest->next, mark->behind);
    arena->newest->used = mark->used;
    arena->allocated = mark->allocated;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    void *memory = alloc_raw(arena, size);

    return memory ? memset(memory, 0, size) : NULL;
}

void *arena_memdup(struct arena *arena, const void *data, size_t size)
{
    void *copy = alloc_raw(arena, size);

    if (copy && size)
        memcpy(copy, data, size);
    return copy;
}

char *arena_strndup(struct arena *arena, const char *text, size_t size)
{
    char *copy;

    if (size == SIZE_MAX)
        return NULL;
    copy = alloc_raw(arena, size + 1);
    if (!copy)
        return NULL;
    if (size)
        memcpy(copy, text, size);
    copy[size] = '\0';
    return copy;
}

char *arena_strdup(struct arena *arena, const char *text)
{
    return arena_strndup(arena, text, strlen(text));
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
    va_list arguments, again;
    char *text = NULL;
    int size;

    va_start(arguments, format);
    va_copy(again, arguments);
    size = vsnprintf(NULL, 0, format, arguments);
    if (size >= 0)
        text = alloc_raw(arena, (size_t)size + 1);
    if (text)
        vsnprintf(text, (size_t)size + 1, format, again);
    va_end(again);
    va_end(arguments);
    return text;
}
