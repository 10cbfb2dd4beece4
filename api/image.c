/* image.c — pictures as they stream in: what the three formats share. */
#include "image.h"

#include <errno.h>
#include <string.h>
#include <strings.h>
#include <zlib.h>

static const struct {
    const char *content_type;
    image_step *start;
    size_t need;
} formats[] = {
    {"image/jpeg", image_jpeg_start, 2},
    {"image/png", image_png_start, 8},
    {"image/webp", image_webp_start, 12},
};

int image_start(struct image *image, const char *content_type, image_write *write, void *context)
{
    size_t size = content_type ? strcspn(content_type, "; \t") : 0;

    for (size_t i = 0; content_type && i < sizeof formats / sizeof formats[0]; i++) {
        if (strlen(formats[i].content_type) != size || strncasecmp(formats[i].content_type, content_type, size) != 0)
            continue;
        memset(image, 0, offsetof(struct image, piece));
        image->content_type = formats[i].content_type;
        image->write = write;
        image->context = context;
        return image_collect(image, 0, formats[i].need, formats[i].start);
    }
    return -EINVAL;
}

int image_collect(struct image *image, size_t have, size_t need, image_step *step)
{
    if (need > IMAGE_PIECE)
        return -EBADMSG;
    image->have = have;
    image->need = need;
    image->step = step;
    return 0;
}

int image_pass(struct image *image, uint64_t size, bool kept)
{
    image->passing = size;
    image->kept = kept;
    return 0;
}

int image_put(struct image *image, const void *data, size_t size)
{
    image->written += size;
    return image->write(image->context, data, size);
}

int image_set_size(struct image *image, uint64_t width, uint64_t height)
{
    if (!width || !height || width > IMAGE_MAX_SIDE || height > IMAGE_MAX_SIDE || width * height > IMAGE_MAX_PIXELS)
        return -EBADMSG;
    image->width = (uint32_t)width;
    image->height = (uint32_t)height;
    image->sized = true;
    return 0;
}

static size_t least(uint64_t a, size_t b)
{
    return a < b ? (size_t)a : b;
}

static int take(struct image *image, const unsigned char *data, size_t size, size_t *ret_used)
{
    int r = 0;

    if (image->passing) {
        *ret_used = least(image->passing, size);
        image->passing -= *ret_used;
        image->complete = image->last && !image->passing;
        if (!image->kept)
            return 0;
        image->sum = (uint32_t)crc32(image->sum, data, (unsigned)*ret_used);
        return image_put(image, data, *ret_used);
    }
    if (image->scan)
        return image->scan(image, data, size, ret_used);
    *ret_used = least(image->need - image->have, size);
    memcpy(image->piece + image->have, data, *ret_used);
    image->have += *ret_used;
    while (!r && !image->complete && !image->passing && !image->scan && image->have == image->need)
        r = image->step(image);
    return r;
}

int image_feed(struct image *image, const void *data, size_t size)
{
    const unsigned char *rest = data;
    int r = 0;

    while (size && !r && !image->complete) {
        size_t used = 0;

        r = take(image, rest, size, &used);
        rest += used;
        size -= used;
    }
    return r;
}

int image_end(const struct image *image, bool *ret_patched, unsigned char ret_patch[4])
{
    uint64_t size = image->written - 8;

    if (!image->complete || !image->sized || !image->pictured)
        return -EBADMSG;
    /* What was left out is missing in the size that a WebP has in its first bytes. */
    *ret_patched = image->container;
    for (unsigned i = 0; i < 4; i++)
        ret_patch[i] = (unsigned char)(size >> 8 * i);
    return 0;
}
