/* image_jpeg.c — JPEG (ITU-T T.81): segments, each with its marker and length, and between them entropy-coded data. */
#include <errno.h>
#include <string.h>

#include "image.h"

enum {
    MARKER = 0xff,
    START_OF_IMAGE = 0xd8,
    END_OF_IMAGE = 0xd9,
    START_OF_SCAN = 0xda,
    DEFINE_HUFFMAN = 0xc4,
    EXTENSION = 0xc8,
    DEFINE_ARITHMETIC = 0xcc,
    DEFINE_LINES = 0xdc,
    EXPAND = 0xdf,
    APPLICATION = 0xe0,
    COMMENT = 0xfe,
    ORIENTATION_TAG = 0x0112,
    EXIF_HEADER = 14, /* Exif, two zeros, the TIFF header */
    ENTRY_SIZE = 12,
};

static image_step marker, length_known, segment;
static image_scan entropy;

static unsigned number(const unsigned char *bytes)
{
    return (unsigned)bytes[0] << 8 | bytes[1];
}

int image_jpeg_start(struct image *image)
{
    if (image->piece[0] != MARKER || image->piece[1] != START_OF_IMAGE)
        return -EBADMSG;
    return image_collect(image, 0, 2, marker) ? -EBADMSG : image_put(image, image->piece, 2);
}

/* piece: 0xff and the marker. */
static int marker(struct image *image)
{
    unsigned code = image->piece[1];

    if (image->piece[0] != MARKER)
        return -EBADMSG;
    if (code == MARKER) /* fill */
        return image_collect(image, 1, 2, marker);
    if (code == END_OF_IMAGE) {
        image->complete = true;
        return image->sized && image->pictured ? image_put(image, image->piece, 2) : -EBADMSG;
    }
    /* From SOF0 on, all but the markers without a length. */
    if (code < 0xc0 || (code >= 0xd0 && code <= START_OF_IMAGE) || (code >= 0xf0 && code != COMMENT))
        return -EBADMSG;
    return image_collect(image, 2, 4, length_known);
}

static int length_known(struct image *image)
{
    unsigned length = number(image->piece + 2);

    return length < 2 ? -EBADMSG : image_collect(image, 4, 2 + length, segment);
}

static unsigned tiff_number(const unsigned char *bytes, unsigned size, bool little)
{
    unsigned value = 0;

    for (unsigned i = 0; i < size; i++)
        value |= (unsigned)bytes[i] << 8 * (little ? i : size - 1 - i);
    return value;
}

/* How the picture is to be turned, 1 to 8, out of Exif data; 0 when they do not say. */
static unsigned exif_orientation(const unsigned char *data, size_t size)
{
    const unsigned char *tiff = data + 6;
    size_t tiff_size = size - 6, at;
    bool little;
    unsigned n;

    if (size < EXIF_HEADER || memcmp(data, "Exif\0", 6) != 0)
        return 0;
    little = tiff[0] == 'I';
    at = tiff_number(tiff + 4, 4, little);
    if (at > tiff_size - 2)
        return 0;
    n = tiff_number(tiff + at, 2, little);
    for (at += 2; n && at + ENTRY_SIZE <= tiff_size; n--, at += ENTRY_SIZE)
        if (tiff_number(tiff + at, 2, little) == ORIENTATION_TAG) {
            unsigned value = tiff_number(tiff + at + 8, 2, little);

            return value <= 8 ? value : 0;
        }
    return 0;
}

/* Exif data that say nothing but this: a photo taken upright must not lie on its side. */
static int put_orientation(struct image *image, unsigned orientation)
{
    unsigned char exif[36] = {MARKER, APPLICATION + 1,
                              0,      34,
                              'E',    'x',
                              'i',    'f',
                              0,      0,
                              'M',    'M',
                              0,      42,
                              0,      0,
                              0,      8,
                              0,      1,
                              0x01,   0x12,
                              0,      3,
                              0,      0,
                              0,      1};

    exif[29] = (unsigned char)orientation;
    image->orientation = orientation;
    return image_put(image, exif, sizeof exif);
}

/* What a picture needs to look right: JFIF's pixel shape, the colour profile, Adobe's colour transform. Everything else
 * that applications write is theirs: where, when, which camera, who, and small copies of the picture before it was
 * cropped. */
static int application(struct image *image, size_t size)
{
    const unsigned char *data = image->piece + 4;
    unsigned code = image->piece[1] - APPLICATION;
    unsigned orientation = code == 1 && !image->orientation ? exif_orientation(data, size - 4) : 0;

    if (orientation > 1)
        return put_orientation(image, orientation);
    if ((code == 0 && size >= 4 + 5 && !memcmp(data, "JFIF", 5)) ||
        (code == 2 && size >= 4 + 12 && !memcmp(data, "ICC_PROFILE", 12)) ||
        (code == 14 && size >= 4 + 5 && !memcmp(data, "Adobe", 5)))
        return image_put(image, image->piece, size);
    return 0;
}

/* One frame; no tables-only file, no hierarchy, no height that only comes later. */
static int frame(struct image *image, size_t size)
{
    const unsigned char *data = image->piece + 4;
    unsigned n = size > 4 + 5 ? data[5] : 0;

    if (image->sized || n < 1 || n > 4 || size != 4 + 6 + 3 * (size_t)n)
        return -EBADMSG;
    if ((data[0] != 8 && data[0] != 12) || image_set_size(image, number(data + 3), number(data + 1)))
        return -EBADMSG;
    return image_put(image, image->piece, size);
}

static int scan_header(struct image *image, size_t size)
{
    unsigned n = size > 4 ? image->piece[4] : 0;

    if (!image->sized || n < 1 || n > 4 || size != 4 + 1 + 2 * (size_t)n + 3)
        return -EBADMSG;
    image->scan = entropy;
    image->marked = false;
    return image_put(image, image->piece, size);
}

/* piece: a whole segment. */
static int segment(struct image *image)
{
    unsigned code = image->piece[1];
    size_t size = image->need;

    (void)image_collect(image, 0, 2, marker);
    if (code == COMMENT)
        return 0;
    if (code >= APPLICATION)
        return application(image, size);
    if (code == START_OF_SCAN)
        return scan_header(image, size);
    if (code == EXTENSION || code == DEFINE_LINES || code == EXPAND || code == EXPAND - 1)
        return -EBADMSG;
    if (code < 0xd0 && code != DEFINE_HUFFMAN && code != DEFINE_ARITHMETIC)
        return frame(image, size);
    return image_put(image, image->piece, size); /* tables */
}

static bool belongs_to_scan(unsigned char byte)
{
    return byte == 0 || (byte >= 0xd0 && byte <= 0xd7);
}

/* Up to the next marker that is none of the scan's own. A 0xff at the end of one call is settled by the next. */
static int entropy(struct image *image, const unsigned char *data, size_t size, size_t *ret_used)
{
    static const unsigned char ff = MARKER;
    const unsigned char *place;
    int r = 0;

    if (image->marked) {
        image->marked = data[0] == MARKER;
        *ret_used = 1;
        if (image->marked)
            return 0;
        if (belongs_to_scan(data[0])) {
            r = image_put(image, &ff, 1);
            return r ? r : image_put(image, data, 1);
        }
        image->scan = NULL;
        image->piece[0] = MARKER;
        image->piece[1] = data[0];
        (void)image_collect(image, 2, 2, marker);
        return marker(image);
    }
    place = memchr(data, MARKER, size);
    while (place && place + 1 < data + size && belongs_to_scan(place[1]))
        place = memchr(place + 2, MARKER, (size_t)(data + size - place) - 2);
    *ret_used = place ? (size_t)(place - data) : size;
    image->pictured |= *ret_used > 0;
    if (*ret_used)
        r = image_put(image, data, *ret_used);
    image->marked = place != NULL;
    *ret_used += place != NULL;
    return r;
}
