/* image_png.c — PNG (W3C PNG third edition): chunks, each with its length, name and checksum. */
#include <errno.h>
#include <string.h>
#include <zlib.h>

#include "image.h"

enum { HEADER = 8, SUM = 4, IHDR_SIZE = 13 };

static image_step chunk, first, data_sum;

static uint32_t number(const unsigned char *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static bool is_named(const struct image *image, const char *name)
{
    return !memcmp(image->piece + 4, name, 4);
}

int image_png_start(struct image *image)
{
    static const unsigned char signature[8] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};

    if (memcmp(image->piece, signature, sizeof signature) != 0)
        return -EBADMSG;
    (void)image_collect(image, 0, HEADER + IHDR_SIZE + SUM, first);
    return image_put(image, signature, sizeof signature);
}

/* Which depths go with which kinds of colour: bits by depth. */
static bool is_colour(unsigned kind, unsigned depth)
{
    static const unsigned depths[] = {
        [0] = 1 | 2 | 4 | 8 | 16, [2] = 8 | 16, [3] = 1 | 2 | 4 | 8, [4] = 8 | 16, [6] = 8 | 16,
    };

    return kind < sizeof depths / sizeof depths[0] && (depths[kind] & depth) && !(depth & (depth - 1));
}

/* piece: IHDR, which must come first, whole. */
static int first(struct image *image)
{
    const unsigned char *head = image->piece + HEADER;
    uint32_t sum = (uint32_t)crc32(0, image->piece + 4, 4 + IHDR_SIZE);

    if (number(image->piece) != IHDR_SIZE || !is_named(image, "IHDR") || number(head + IHDR_SIZE) != sum)
        return -EBADMSG;
    if (!is_colour(head[9], head[8]) || head[10] || head[11] || head[12] > 1)
        return -EBADMSG;
    if (image_set_size(image, number(head), number(head + 4)))
        return -EBADMSG;
    image->palette = head[9] == 3;
    (void)image_collect(image, 0, HEADER, chunk);
    return image_put(image, image->piece, HEADER + IHDR_SIZE + SUM);
}

/* How the picture is shown; what is not here is about it. A small letter in front says that viewers may do without. */
static bool is_shown(const struct image *image)
{
    static const char names[][5] = {"PLTE", "IDAT", "IEND", "tRNS", "cHRM", "gAMA", "iCCP", "sBIT",
                                    "sRGB", "cICP", "bKGD", "pHYs", "acTL", "fcTL", "fdAT"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (is_named(image, names[i]))
            return true;
    return false;
}

static bool is_name(const unsigned char *name)
{
    for (unsigned i = 0; i < 4; i++)
        if ((name[i] | 0x20) < 'a' || (name[i] | 0x20) > 'z')
            return false;
    return true;
}

/* piece: a chunk's length and name. Its bytes pass by and are summed up on the way. */
static int chunk(struct image *image)
{
    uint32_t size = number(image->piece);
    bool shown = is_shown(image);

    if (size > INT32_MAX || !is_name(image->piece + 4) || (!shown && !(image->piece[4] & 0x20)))
        return -EBADMSG;
    if (is_named(image, "IEND") && size)
        return -EBADMSG;
    image->palette &= !is_named(image, "PLTE");
    if (is_named(image, "IDAT") && image->palette)
        return -EBADMSG;
    image->pictured |= is_named(image, "IDAT") && size;
    if (!shown) {
        (void)image_collect(image, 0, HEADER, chunk);
        return image_pass(image, (uint64_t)size + SUM, /* kept= */ false);
    }
    image->sum = (uint32_t)crc32(0, image->piece + 4, 4);
    (void)image_collect(image, HEADER, HEADER + SUM, data_sum);
    (void)image_pass(image, size, /* kept= */ true);
    return image_put(image, image->piece, HEADER);
}

/* piece: length and name once more, and the checksum that stood behind the bytes. */
static int data_sum(struct image *image)
{
    if (number(image->piece + HEADER) != image->sum)
        return -EBADMSG;
    image->complete = is_named(image, "IEND");
    (void)image_collect(image, 0, HEADER, chunk);
    return image_put(image, image->piece + HEADER, SUM);
}
