/* uuid.c — UUIDv7 (RFC 9562): 48 bits of milliseconds, the rest random. */
#include "uuid.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

void uuid_text(const unsigned char bytes[16], char ret_text[UUID_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    char *text = ret_text;

    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *text++ = '-';
        *text++ = digits[bytes[i] >> 4];
        *text++ = digits[bytes[i] & 15];
    }
    *text = '\0';
}

/* A few at a time: each request has an id, and would call the kernel for it. */
static int take_random(unsigned char ret_bytes[16])
{
    static _Thread_local unsigned char stock[256]; /* so many come whole or not at all */
    static _Thread_local size_t n_left;

    if (n_left == 0 && getrandom(stock, sizeof stock, 0) != (ssize_t)sizeof stock)
        return -EAGAIN;
    n_left = (n_left ? n_left : sizeof stock) - 16;
    memcpy(ret_bytes, stock + n_left, 16);
    return 0;
}

int uuid_new(char ret_text[UUID_SIZE])
{
    unsigned char bytes[16];
    struct timespec now;
    uint64_t ms;
    int r = take_random(bytes);

    if (r)
        return r;
    clock_gettime(CLOCK_REALTIME, &now);
    ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
    for (int i = 0; i < 6; i++)
        bytes[i] = (unsigned char)(ms >> (40 - 8 * i));
    bytes[6] = (unsigned char)((bytes[6] & 0x0f) | 0x70);
    bytes[8] = (unsigned char)((bytes[8] & 0x3f) | 0x80);
    uuid_text(bytes, ret_text);
    return 0;
}
