/* buffer.c — a growing byte buffer, and JSON texts into it. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "encode.h"

enum { BUFFER_FIRST = 1024, BUFFER_LINE = 320 };

bool buffer_reserve(struct buffer *buffer, size_t size)
{
    size_t capacity = buffer->capacity > 0 ? buffer->capacity : BUFFER_FIRST;
    char *data;

    if (buffer->failed)
        return false;
    if (size <= buffer->capacity - buffer->size)
        return true;

    while (capacity - buffer->size < size) {
        if (capacity > SIZE_MAX / 2) {
            buffer->failed = true;
            return false;
        }
        capacity *= 2;
    }
    data = realloc(buffer->data, capacity);
    if (data == NULL) {
        buffer->failed = true;
        return false;
    }
    buffer->data = data;
    buffer->capacity = capacity;
    return true;
}

void buffer_add_text(struct buffer *buffer, const char *text)
{
    buffer_add(buffer, text, strlen(text));
}

void buffer_add_format(struct buffer *buffer, const char *format, ...)
{
    char line[BUFFER_LINE];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    buffer_add_text(buffer, line);
}

void buffer_free(struct buffer *buffer)
{
    free(buffer->data);
    *buffer = (struct buffer){0};
}

void buffer_fit(struct buffer *buffer)
{
    char *data = buffer->size < buffer->capacity ? realloc(buffer->data, buffer->size ? buffer->size : 1) : NULL;

    if (!data)
        return;
    buffer->data = data;
    buffer->capacity = buffer->size ? buffer->size : 1;
}

/* What stands behind the backslash; 'u' for \u00xx; 0 when the byte goes in as it is. */
static char escape_of(unsigned char byte)
{
    switch (byte) {
    case '"':
    case '\\':
        return (char)byte;
    case '\b':
        return 'b';
    case '\f':
        return 'f';
    case '\n':
        return 'n';
    case '\r':
        return 'r';
    case '\t':
        return 't';
    default:
        return byte < 0x20 ? 'u' : 0;
    }
}

static void add_escaped(struct buffer *buffer, unsigned char byte, char escape)
{
    static const char digits[] = "0123456789abcdef";
    const char sequence[6] = {'\\', escape, '0', '0', digits[byte >> 4], digits[byte & 15]};

    buffer_add(buffer, sequence, escape == 'u' ? 6 : 2);
}

void buffer_add_json_string(struct buffer *buffer, const char *text, size_t size)
{
    size_t from = 0;

    buffer_add(buffer, "\"", 1);
    for (size_t i = 0; i < size; i++) {
        unsigned char byte = (unsigned char)text[i];
        char escape = escape_of(byte);

        if (escape == 0)
            continue;
        buffer_add(buffer, text + from, i - from);
        add_escaped(buffer, byte, escape);
        from = i + 1;
    }
    buffer_add(buffer, text + from, size - from);
    buffer_add(buffer, "\"", 1);
}
