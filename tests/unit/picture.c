/* picture.c — pictures that tests put together and send through image.h. */
#include "picture.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct picture_file picture_in, picture_out;
struct image picture;

void picture_add(struct picture_file *file, const void *data, size_t size)
{
    assert_true(file->size + size <= PICTURE_ROOM);
    memcpy(file->bytes + file->size, data, size);
    file->size += size;
}

void picture_add_byte(struct picture_file *file, unsigned value, size_t n)
{
    for (size_t i = 0; i < n; i++)
        picture_add(file, &(unsigned char){(unsigned char)value}, 1);
}

int picture_keep(void *context, const void *data, size_t size)
{
    picture_add(context, data, size);
    return 0;
}

int picture_run(const char *type, size_t step)
{
    unsigned char patch[4];
    bool patched;
    int r = 0;

    picture_out.size = 0;
    assert_int_equal(image_start(&picture, type, picture_keep, &picture_out), 0);
    for (size_t at = 0; at < picture_in.size && !r; at += step)
        r = image_feed(&picture, picture_in.bytes + at, picture_in.size - at < step ? picture_in.size - at : step);
    if (!r)
        r = image_end(&picture, &patched, patch);
    if (!r && patched)
        memcpy(picture_out.bytes + IMAGE_PATCH_AT, patch, sizeof patch);
    return r;
}

void picture_passes(const char *type, uint32_t width, uint32_t height)
{
    static struct picture_file whole;
    static const size_t steps[] = {1, 2, 3, 7, 64, 4096};

    assert_int_equal(picture_run(type, PICTURE_ROOM), 0);
    assert_int_equal(picture.width, width);
    assert_int_equal(picture.height, height);
    whole = picture_out;
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        assert_int_equal(picture_run(type, steps[i]), 0);
        assert_int_equal(picture_out.size, whole.size);
        assert_memory_equal(picture_out.bytes, whole.bytes, whole.size);
    }
    /* What came out passes once more, and unchanged. */
    picture_in = whole;
    assert_int_equal(picture_run(type, 100), 0);
    assert_int_equal(picture_out.size, whole.size);
    assert_memory_equal(picture_out.bytes, whole.bytes, whole.size);
}

void picture_passes_unchanged(const char *type, uint32_t width, uint32_t height)
{
    static struct picture_file before;

    before = picture_in;
    picture_passes(type, width, height);
    assert_int_equal(picture_out.size, before.size);
    assert_memory_equal(picture_out.bytes, before.bytes, before.size);
}

void picture_fails(const char *type)
{
    assert_int_equal(picture_run(type, PICTURE_ROOM), -EBADMSG);
    assert_int_equal(picture_run(type, 1), -EBADMSG);
}

void picture_fails_at_every_length(const char *type)
{
    size_t size = picture_in.size;

    for (picture_in.size = 0; picture_in.size < size; picture_in.size++)
        assert_int_equal(picture_run(type, PICTURE_ROOM), -EBADMSG);
    picture_in.size = size;
    assert_int_equal(picture_run(type, PICTURE_ROOM), 0);
}

void picture_survives_damage(const char *type)
{
    static struct picture_file good;

    good = picture_in;
    srandom(1);
    for (unsigned i = 0; i < 3000; i++) {
        for (unsigned n = 0; n < 1 + i % 4; n++)
            picture_in.bytes[(size_t)random() % picture_in.size] = (unsigned char)random();
        (void)picture_run(type, 1 + (size_t)random() % 50);
        picture_in = good;
    }
}

bool picture_holds(const struct picture_file *file, const char *text)
{
    return memmem(file->bytes, file->size, text, strlen(text)) != NULL;
}
