/* test_image_jpeg.c — JPEG as it streams in: whole ones pass; halves, lies and what tells on people do not. */
#include "picture.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void jpeg_segment(unsigned code, const void *data, size_t size)
{
    const unsigned char head[] = {0xff, (unsigned char)code, (unsigned char)((size + 2) >> 8),
                                  (unsigned char)(size + 2)};

    picture_add(&picture_in, head, sizeof head);
    picture_add(&picture_in, data, size);
}

static void jpeg_start(void)
{
    picture_in.size = 0;
    picture_add(&picture_in, "\xff\xd8", 2);
    jpeg_segment(0xe0, "JFIF\0\1\1\0\0\1\0\1\0\0", 14);
}

static void jpeg_picture(void)
{
    unsigned char table[65] = {0};

    jpeg_segment(0xdb, table, 65);
    jpeg_segment(0xc0, "\x08\0\x07\0\x09\1\1\x11\0", 9); /* 9 × 7 */
    jpeg_segment(0xc4, "\0\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\5", 18);
    jpeg_segment(0xda, "\1\1\0\0\x3f\0", 6);
    picture_add(&picture_in, "ab\xff\0cd\xff\xd0zz\xff\0", 12);
}

static void jpeg_end(void)
{
    picture_add(&picture_in, "\xff\xd9", 2);
}

static void test_jpeg(void **state)
{
    (void)state;
    jpeg_start();
    jpeg_picture();
    jpeg_end();
    picture_passes_unchanged("image/jpeg", 9, 7);
    picture_passes_unchanged("IMAGE/JPEG; charset=binary", 9, 7);
    picture_fails_at_every_length("image/jpeg");
    picture_survives_damage("image/jpeg");
    picture_fails("image/png");
    picture_fails("image/webp");
}

/* Several scans with tables between, fill bytes in front of markers. */
static void test_jpeg_progressive(void **state)
{
    (void)state;
    jpeg_start();
    jpeg_segment(0xc2, "\x08\0\x07\0\x09\1\1\x11\0", 9);
    for (int i = 0; i < 3; i++) {
        picture_add(&picture_in, "\xff\xff", 2);
        jpeg_segment(0xc4, "\0\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\5", 18);
        jpeg_segment(0xda, "\1\1\0\0\x3f\0", 6);
        picture_add(&picture_in, "scan\xff\0\xff\0", 8);
    }
    picture_add(&picture_in, "\xff\xff\xff", 3);
    jpeg_end();
    picture_passes("image/jpeg", 9, 7);
    picture_survives_damage("image/jpeg");
}

/* Exif with a place and an orientation, little-endian as phones write it. */
static const char exif[] =
    "Exif\0\0II*\0\x08\0\0\0\2\0\x12\1\3\0\1\0\0\0\6\0\0\0\x25\x88\4\0\1\0\0\0\x26\0\0\0\0\0\0\0GPS 22.27N";

static void test_jpeg_tells_nothing_but_the_picture(void **state)
{
    (void)state;
    jpeg_start();
    jpeg_segment(0xe1, exif, sizeof exif - 1);
    jpeg_segment(0xe1, "http://ns.adobe.com/xap/1.0/\0GPS", 32);
    jpeg_segment(0xe2, "ICC_PROFILE\0\1\1colours", 21);
    jpeg_segment(0xe2, "MPF\0GPS", 7);
    jpeg_segment(0xed, "Photoshop 3.0\0GPS", 17);
    jpeg_segment(0xee, "Adobe\0\x64\0\0\0\0\1", 12);
    jpeg_segment(0xfe, "GPS", 3);
    jpeg_segment(0xe0, "JFXX\0GPS", 8);
    jpeg_picture();
    jpeg_segment(0xfe, "GPS", 3);
    jpeg_end();
    picture_add(&picture_in, "\xff\xd8 a second picture, with its own GPS", 37);
    assert_true(picture_holds(&picture_in, "GPS"));
    picture_passes("image/jpeg", 9, 7);
    assert_false(picture_holds(&picture_out, "GPS"));
    assert_true(picture_holds(&picture_out, "colours"));
    assert_true(picture_holds(&picture_out, "Adobe"));
    /* It still stands upright. */
    assert_int_equal(picture.orientation, 6);
    assert_true(picture_holds(&picture_out, "Exif"));
    assert_int_equal(picture_out.bytes[picture_out.size - 1], 0xd9);
}

static void test_jpeg_bad_exif(void **state)
{
    (void)state;
    for (size_t size = 0; size < sizeof exif; size++) {
        jpeg_start();
        jpeg_segment(0xe1, exif, size);
        jpeg_picture();
        jpeg_end();
        picture_passes("image/jpeg", 9, 7);
        assert_false(picture_holds(&picture_out, "GPS"));
    }
    jpeg_start();
    jpeg_segment(0xe1, "Exif\0\0II*\0\xff\xff\xff\xff\xff\xff", 16);
    jpeg_segment(0xe1, "Exif\0\0MM\0*\0\0\0\x08\xff\xff", 16);
    jpeg_picture();
    jpeg_end();
    picture_passes("image/jpeg", 9, 7);
    assert_false(picture_holds(&picture_out, "Exif"));
}

static void jpeg_with(unsigned code, const void *data, size_t size)
{
    jpeg_start();
    jpeg_segment(code, data, size);
    jpeg_picture();
    jpeg_end();
}

static void test_jpeg_not_whole(void **state)
{
    (void)state;
    jpeg_start();
    jpeg_end();
    picture_fails("image/jpeg"); /* nothing in it */
    jpeg_start();
    jpeg_segment(0xda, "\1\1\0\0\x3f\0", 6);
    picture_add(&picture_in, "data", 4);
    jpeg_end();
    picture_fails("image/jpeg"); /* data without a size */
    jpeg_with(0xc0, "\x08\0\x07\0\x09\1\1\x11\0", 9);
    picture_fails("image/jpeg"); /* two sizes */
    jpeg_with(0xdc, "\0\x07", 2);
    picture_fails("image/jpeg");
    jpeg_start();
    jpeg_segment(0xc0, "\x08\0\0\0\x09\1\1\x11\0", 9);
    picture_fails("image/jpeg"); /* no height */
    jpeg_start();
    jpeg_segment(0xc0, "\x08\xff\xff\xff\xff\1\1\x11\0", 9);
    picture_fails("image/jpeg"); /* four thousand million pixels */
    jpeg_start();
    jpeg_segment(0xc0, "\x08\0\x07\0\x09\3\1\x11\0", 9);
    picture_fails("image/jpeg"); /* three components, one described */
    jpeg_start();
    jpeg_segment(0xc0, "", 0);
    picture_fails("image/jpeg");
    jpeg_start();
    picture_add(&picture_in, "\xff\xe1\0\1", 4);
    picture_fails("image/jpeg"); /* a length that does not hold itself */
    jpeg_start();
    picture_add(&picture_in, "<script>", 8);
    picture_fails("image/jpeg");
}

/* A segment as long as one can be. */
static void test_jpeg_longest_segment(void **state)
{
    unsigned char *data = calloc(1, 65533);

    (void)state;
    memcpy(data, "ICC_PROFILE", 12);
    jpeg_with(0xe2, data, 65533);
    assert_int_equal(picture_run("image/jpeg", 5000), 0);
    assert_int_equal(picture_out.size, picture_in.size);
    free(data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_jpeg),
        cmocka_unit_test(test_jpeg_progressive),
        cmocka_unit_test(test_jpeg_tells_nothing_but_the_picture),
        cmocka_unit_test(test_jpeg_bad_exif),
        cmocka_unit_test(test_jpeg_not_whole),
        cmocka_unit_test(test_jpeg_longest_segment),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
