/* text.c — small questions about bytes that several parts ask. */
#include "text.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

/* Length of the sequence that begins here, 0 when it is none; `ret_least` is the least code point of that length. */
static size_t sequence_size(unsigned char first, unsigned *ret_least, unsigned *ret_bits)
{
    if (first >= 0xc2 && first <= 0xdf) {
        *ret_least = 0x80, *ret_bits = first & 0x1f;
        return 2;
    }
    if ((first & 0xf0) == 0xe0) {
        *ret_least = 0x800, *ret_bits = first & 0x0f;
        return 3;
    }
    if (first >= 0xf0 && first <= 0xf4) {
        *ret_least = 0x10000, *ret_bits = first & 0x07;
        return 4;
    }
    return 0;
}

static size_t valid_sequence(const unsigned char *bytes, size_t size)
{
    unsigned least = 0, point = 0;
    size_t length = sequence_size(bytes[0], &least, &point);

    if (!length || length > size)
        return 0;
    for (size_t i = 1; i < length; i++) {
        if ((bytes[i] & 0xc0) != 0x80)
            return 0;
        point = point << 6 | (bytes[i] & 0x3fu);
    }
    if (point < least || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff))
        return 0;
    return length;
}

bool text_is_utf8(const char *text, size_t size)
{
    const unsigned char *bytes = (const unsigned char *)text;

    for (size_t i = 0; i < size;) {
        size_t length = 1;

        if (!bytes[i])
            return false;
        if (bytes[i] >= 0x80)
            length = valid_sequence(bytes + i, size - i);
        if (!length)
            return false;
        i += length;
    }
    return true;
}

bool text_is_token(const char *text, size_t size)
{
    static const char others[] = "!#$%&'*+-.^_`|~";

    for (size_t i = 0; i < size; i++) {
        char c = text[i];
        bool alphanumeric = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');

        if (!alphanumeric && (!c || !strchr(others, c)))
            return false;
    }
    return size > 0;
}

int text_hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool text_equal(const char *text, size_t size, const char *word)
{
    return strlen(word) == size && !strncasecmp(text, word, size);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

void text_trim(const char **text, size_t *size)
{
    while (*size && is_blank((*text)[*size - 1]))
        --*size;
    while (*size && is_blank(**text))
        ++*text, --*size;
}

size_t text_base64url(const void *data, size_t size, char *ret_text)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const unsigned char *bytes = data;
    unsigned bits = 0, n_bits = 0;
    size_t length = 0;

    for (size_t i = 0; i < size; i++) {
        bits = bits << 8 | bytes[i];
        for (n_bits += 8; n_bits >= 6; n_bits -= 6)
            ret_text[length++] = alphabet[bits >> (n_bits - 6) & 63];
    }
    if (n_bits)
        ret_text[length++] = alphabet[bits << (6 - n_bits) & 63];
    ret_text[length] = '\0';
    return length;
}

static int sextet(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '-' ? 62 : c == '_' ? 63 : -1;
}

long text_base64url_decode(const char *text, size_t size, unsigned char *ret_data)
{
    unsigned bits = 0, n_bits = 0;
    long length = 0;

    if (size % 4 == 1)
        return -EINVAL;
    for (size_t i = 0; i < size; i++) {
        int value = sextet(text[i]);

        if (value < 0)
            return -EINVAL;
        bits = bits << 6 | (unsigned)value;
        n_bits += 6;
        if (n_bits >= 8) {
            n_bits -= 8;
            ret_data[length++] = (unsigned char)(bits >> n_bits & 255);
        }
    }
    /* Spare bits that are not zero would let many texts stand for the same bytes. */
    return bits & ((1u << n_bits) - 1) ? -EINVAL : length;
}
