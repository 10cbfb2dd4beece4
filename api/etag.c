/* etag.c — entity tags and If-Match. */
#include "etag.h"

#include <inttypes.h>
#include <string.h>
#include <zlib.h>

#include "text.h"

enum { MAX_TAGS = 16, MAX_DIGITS = 18 };

const char *etag_make(struct arena *arena, int64_t version, const void *body, size_t size)
{
    unsigned long hash = crc32_z(0, body, size);

    if (version < 0)
        return arena_printf(arena, "\"%zx-%08lx\"", size, hash);
    return arena_printf(arena, "\"%" PRId64 ".%08lx\"", version, hash);
}

/* 17 of `17`, `"17"` and `"17.1f3a90c2"`; -1 of anything else. A weak tag never matches here (RFC 9110, 13.1.1). */
static int64_t version_of(const char *tag, size_t size)
{
    int64_t version = 0;
    size_t digits = 0;

    text_trim(&tag, &size);
    if (size >= 2 && tag[0] == '"' && tag[size - 1] == '"')
        tag++, size -= 2;
    for (; digits < size && tag[digits] >= '0' && tag[digits] <= '9'; digits++)
        if (digits < MAX_DIGITS)
            version = version * 10 + (tag[digits] - '0');
    if (!digits || digits > MAX_DIGITS || (digits < size && tag[digits] != '.'))
        return -1;
    return version;
}

const char *etag_versions(struct arena *arena, const char *if_match)
{
    char text[MAX_TAGS * (MAX_DIGITS + 3) + 3];
    size_t length = 0;
    const char *tag = if_match;
    size_t size = strlen(tag);

    text_trim(&tag, &size);
    if (text_equal(tag, size, "*"))
        return NULL;
    for (int n = 0; n < MAX_TAGS; n++) {
        size_t part = strcspn(if_match, ",");

        length += (size_t)snprintf(text + length, sizeof text - length, "%c%" PRId64, n ? ',' : '{',
                                   version_of(if_match, part));
        if (!if_match[part])
            break;
        if_match += part + 1;
    }
    snprintf(text + length, sizeof text - length, "}");
    return arena_strdup(arena, text);
}
