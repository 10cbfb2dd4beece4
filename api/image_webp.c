/* image_webp.c — WebP (RFC 9649): a RIFF container of chunks, each with its name and size. */
#include <errno.h>
#include <string.h>

#include "image.h"

enum { RIFF_HEADER = 12, HEADER = 8, LOSSY = 10, LOSSLESS = 5, EXTENDED = 10, ANMF_HEADER = 16 };
enum { ANIMATION_FLAG = 0x02, XMP_FLAG = 0x04, EXIF_FLAG = 0x08 };

static image_step chunk, lossy, lossless, extended;

static uint32_t number(const unsigned char *bytes, unsigned size)
{
    uint32_t value = 0;

    while (size--)
        value = value << 8 | bytes[size];
    return value;
}

static bool is_named(const struct image *image, const char *name)
{
    return !memcmp(image->piece, name, 4);
}

int image_webp_start(struct image *image)
{
    uint32_t size = number(image->piece + 4, 4);

    if (!is_named(image, "RIFF") || memcmp(image->piece + 8, "WEBP", 4) != 0 || size < 4 + HEADER || size % 2)
        return -EBADMSG;
    image->container = true;
    image->end = size - 4;
    (void)image_collect(image, 0, HEADER, chunk);
    return image_put(image, image->piece, RIFF_HEADER);
}

/* `done` bytes of the chunk were seen; its rest, with the byte that makes it even, passes by. */
static int rest(struct image *image, uint32_t done, bool kept)
{
    uint64_t size = number(image->piece + 4, 4);
    uint64_t left = size + size % 2 - done;

    image->end -= HEADER + size + size % 2;
    image->last = !image->end;
    image->complete = image->last && !left;
    (void)image_collect(image, 0, HEADER, chunk);
    return image_pass(image, left, kept);
}

/* A chunk whose beginning says what the picture is like. */
static int look_into(struct image *image, size_t head, image_step *step)
{
    if (number(image->piece + 4, 4) < head)
        return -EBADMSG;
    return image_collect(image, HEADER, HEADER + head, step);
}

/* piece: a chunk's name and size. */
static int chunk(struct image *image)
{
    uint64_t size = number(image->piece + 4, 4);
    bool animation = is_named(image, "ANIM") || is_named(image, "ANMF");
    int r;

    if (image->end < HEADER || size + size % 2 > image->end - HEADER)
        return -EBADMSG;
    if (!image->sized && is_named(image, "VP8X"))
        return look_into(image, EXTENDED, extended);
    if (is_named(image, "VP8 ") && !image->pictured)
        return look_into(image, LOSSY, lossy);
    if (is_named(image, "VP8L") && !image->pictured)
        return look_into(image, LOSSLESS, lossless);
    if (!is_named(image, "ICCP") && !is_named(image, "ALPH") && !(animation && image->animated))
        return rest(image, 0, /* kept= */ false);
    image->pictured |= is_named(image, "ANMF") && size > ANMF_HEADER;
    r = image_put(image, image->piece, HEADER);
    return r ? r : rest(image, 0, /* kept= */ true);
}

static int put_head(struct image *image, size_t head)
{
    int r = image_put(image, image->piece, HEADER + head);

    return r ? r : rest(image, (uint32_t)head, /* kept= */ true);
}

/* The size of the canvas, and what else there is: the flags of what is left out go with it. */
static int extended(struct image *image)
{
    unsigned char *head = image->piece + HEADER;

    head[0] &= (unsigned char)~(EXIF_FLAG | XMP_FLAG);
    image->animated = head[0] & ANIMATION_FLAG;
    if (number(image->piece + 4, 4) != EXTENDED ||
        image_set_size(image, (uint64_t)number(head + 4, 3) + 1, (uint64_t)number(head + 7, 3) + 1))
        return -EBADMSG;
    return put_head(image, EXTENDED);
}

/* On a canvas, the picture fills it. */
static int set_size(struct image *image, uint32_t width, uint32_t height)
{
    image->pictured = true;
    if (image->sized)
        return image->width == width && image->height == height ? 0 : -EBADMSG;
    return image_set_size(image, width, height);
}

/* A key frame with its start code (RFC 6386, 9.1). */
static int lossy(struct image *image)
{
    const unsigned char *head = image->piece + HEADER;

    if ((head[0] & 1) || head[3] != 0x9d || head[4] != 0x01 || head[5] != 0x2a ||
        set_size(image, number(head + 6, 2) & 0x3fff, number(head + 8, 2) & 0x3fff))
        return -EBADMSG;
    return put_head(image, LOSSY);
}

/* A signature byte, two times 14 bits of size, a flag, three bits of version (RFC 9649, 3.4). */
static int lossless(struct image *image)
{
    const unsigned char *head = image->piece + HEADER;
    uint32_t bits = number(head + 1, 4);

    if (head[0] != 0x2f || bits >> 29 || set_size(image, (bits & 0x3fff) + 1, (bits >> 14 & 0x3fff) + 1))
        return -EBADMSG;
    return put_head(image, LOSSLESS);
}
