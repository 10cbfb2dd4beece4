/* text.h — small questions about bytes that several parts ask: UTF-8, tokens, hexadecimal, base64url. */
#ifndef WHISTLED_TEXT_H
#define WHISTLED_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* RFC 3629: shortest form, no surrogates, at most U+10FFFF. NUL is refused too. */
bool text_is_utf8(const char *text, size_t size);
/* RFC 9110 token; false for an empty one. */
bool text_is_token(const char *text, size_t size);
/* 0…15, or -1. */
int text_hex_digit(char c);
bool text_equal(const char *text, size_t size, const char *word); /* ASCII letters' case does not count */
/* Blanks and tabs at both ends are cut off. */
void text_trim(const char **text, size_t *size);

/* No padding. `ret_text` has room for (size * 4 + 2) / 3 + 1. Returns the length. */
size_t text_base64url(const void *data, size_t size, char *ret_text);
/* Strict: no padding, no foreign character, spare bits zero. `ret_data` has room for size * 3 / 4. Returns the length
 * or -EINVAL. */
long text_base64url_decode(const char *text, size_t size, unsigned char *ret_data);

#endif
