/* image.h — pictures as they stream in: is it really one, how large is it, and what of it may be kept.
 *
 * A photo tells where it was taken, when and with which phone. Only what shows the picture passes: of a JPEG the Exif
 * data (but its orientation), XMP, IPTC, comments and whatever follows the picture are left out; of a PNG texts, times
 * and eXIf; of a WebP EXIF and XMP. What passes keeps every pixel as it was. */
#ifndef WHISTLED_IMAGE_H
#define WHISTLED_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    IMAGE_PIECE = 2 + 65535, /* the longest segment of a JPEG; no other format wants to see as much at once */
    IMAGE_MAX_SIDE = 65535,
    IMAGE_MAX_PIXELS = 256 * 1024 * 1024, /* more than any phone's sensor has, less than what bursts a viewer */
    IMAGE_PATCH_AT = 4,
};

struct image;

/* 0, or -Exxx, which image_feed then returns. */
typedef int image_write(void *context, const void *data, size_t size);
/* Both: 0, -EBADMSG when this is no such picture, or what writing said. */
typedef int image_step(struct image *image);
typedef int image_scan(struct image *image, const unsigned char *data, size_t size, size_t *ret_used);

/* Of image.c and the three formats, but for width and height, which hold once image_end said 0. */
struct image {
    const char *content_type; /* image/jpeg, image/png or image/webp */
    uint32_t width, height;
    image_write *write;
    void *context;
    bool complete; /* the picture is whole: what follows is no part of it */

    /* Either bytes pass by, kept or not, or they are collected until there are enough for a step, or a scan reads on.
     */
    uint64_t passing;
    bool kept, last; /* last: with what passes now it is complete */
    size_t have, need;
    image_step *step;
    image_scan *scan;
    uint64_t written;

    unsigned orientation;         /* JPEG: 0 when none was said yet */
    bool sized, pictured, marked; /* a header with its size, data of pixels were seen; JPEG: the last byte was 0xff */
    bool palette;                 /* PNG: colours are numbers */
    bool container, animated;     /* WebP; container: its first bytes tell its size */
    uint32_t sum;                 /* CRC-32 of what passed and was kept, since a step set it: PNG */
    uint64_t end;                 /* WebP: bytes left in the container */
    unsigned char piece[IMAGE_PIECE];
};

/* image/jpeg, image/png or image/webp; parameters behind it do not count. -EINVAL for others. */
int image_start(struct image *image, const char *content_type, image_write *write, void *context);
int image_feed(struct image *image, const void *data, size_t size);
/* -EBADMSG when something is missing. Then, when `ret_patched`, these four bytes belong at IMAGE_PATCH_AT of what was
 * written. */
int image_end(const struct image *image, bool *ret_patched, unsigned char ret_patch[4]);

/* Of the formats' files. */
image_step image_jpeg_start, image_png_start, image_webp_start;
/* The next piece: `need` bytes, of which `have` are there already. */
int image_collect(struct image *image, size_t have, size_t need, image_step *step);
int image_pass(struct image *image, uint64_t size, bool kept);
int image_put(struct image *image, const void *data, size_t size);
int image_set_size(struct image *image, uint64_t width, uint64_t height);

#endif
