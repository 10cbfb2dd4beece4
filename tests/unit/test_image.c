/* test_image.c — PNG and WebP as they stream in: whole ones pass; halves, lies and what tells on people do not. */
#include "picture.h"

#include <errno.h>
#include <string.h>
#include <zlib.h>

/* PNG ------------------------------------------------------------------------------------------------------------- */

static void png_number(uint32_t value)
{
    const unsigned char bytes[] = {(unsigned char)(value >> 24), (unsigned char)(value >> 16),
                                   (unsigned char)(value >> 8), (unsigned char)value};

    picture_add(&picture_in, bytes, 4);
}

static void png_chunk(const char *name, const void *data, size_t size)
{
    size_t start;

    png_number((uint32_t)size);
    start = picture_in.size;
    picture_add(&picture_in, name, 4);
    picture_add(&picture_in, data, size);
    png_number((uint32_t)crc32(0, picture_in.bytes + start, (unsigned)(size + 4)));
}

static void png_start(const char *depth_and_kind)
{
    unsigned char head[13] = {0, 0, 0, 3, 0, 0, 0, 2};

    memcpy(head + 8, depth_and_kind, 5);
    picture_in.size = 0;
    picture_add(&picture_in, "\x89PNG\r\n\x1a\n", 8);
    png_chunk("IHDR", head, 13);
}

static void test_png(void **state)
{
    (void)state;
    png_start("\x08\x02\0\0\0");
    png_chunk("sRGB", "\0", 1);
    png_chunk("IDAT", "pixels", 6);
    png_chunk("IDAT", "more", 4);
    png_chunk("IEND", "", 0);
    picture_passes_unchanged("image/png", 3, 2);
    picture_fails_at_every_length("image/png");
    picture_survives_damage("image/png");
    picture_fails("image/jpeg");
    picture_fails("image/webp");
    picture_in.bytes[picture_in.size - 30] ^= 1;
    picture_fails("image/png"); /* a checksum */
}

static void test_png_tells_nothing_but_the_picture(void **state)
{
    (void)state;
    png_start("\x08\x06\0\0\0");
    png_chunk("tEXt", "Comment\0GPS", 11);
    png_chunk("iTXt", "XML:com.adobe.xmp\0\0\0\0\0GPS", 25);
    png_chunk("eXIf", "MM\0*GPS", 7);
    png_chunk("tIME", "GPS....", 7);
    png_chunk("zzZz", "GPS", 3);
    png_chunk("IDAT", "pixels", 6);
    png_chunk("zTXt", "GPS", 3);
    png_chunk("IEND", "", 0);
    picture_add(&picture_in, "<html>GPS", 9);
    picture_passes("image/png", 3, 2);
    assert_false(picture_holds(&picture_out, "GPS"));
    assert_int_equal(picture_out.size, 8 + 25 + 18 + 12);
}

static void test_png_not_whole(void **state)
{
    static const char *const bad[] = {"\x03\x02\0\0\0", "\x10\x03\0\0\0", "\x08\x05\0\0\0", "\x08\x07\0\0\0",
                                      "\x08\x02\1\0\0", "\x08\x02\0\1\0", "\x08\x02\0\0\2", "\0\x02\0\0\0"};

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        png_start(bad[i]);
        png_chunk("IDAT", "pixels", 6);
        png_chunk("IEND", "", 0);
        picture_fails("image/png");
    }
    png_start("\x08\x02\0\0\0");
    png_chunk("IEND", "", 0);
    picture_fails("image/png"); /* no pixels */
    png_start("\x08\x03\0\0\0");
    png_chunk("IDAT", "pixels", 6);
    picture_fails("image/png"); /* no palette */
    png_start("\x08\x02\0\0\0");
    png_chunk("NEWc", "x", 1);
    picture_fails("image/png"); /* what one must understand */
    png_start("\x08\x02\0\0\0");
    png_number(0x80000000);
    picture_add(&picture_in, "IDAT", 4);
    picture_fails("image/png");
    picture_in.size = 0;
    picture_add(&picture_in, "\x89PNG\r\n\x1a\n", 8);
    png_chunk("IDAT", "pixels", 6);
    picture_fails("image/png");
    picture_in.size = 0;
    picture_add(&picture_in, "\x89PNG\n\x1a\n", 7);
    picture_add_byte(&picture_in, 0, 100);
    picture_fails("image/png");
}

/* WebP ------------------------------------------------------------------------------------------------------------ */

static void webp_chunk(const char *name, const void *data, size_t size)
{
    const unsigned char bytes[] = {(unsigned char)size, (unsigned char)(size >> 8), 0, 0};

    picture_add(&picture_in, name, 4);
    picture_add(&picture_in, bytes, 4);
    picture_add(&picture_in, data, size);
    picture_add_byte(&picture_in, 0, size % 2);
}

static void webp_start(void)
{
    picture_in.size = 0;
    picture_add(&picture_in, "RIFF\0\0\0\0WEBP", 12);
}

static void webp_end(void)
{
    picture_in.bytes[4] = (unsigned char)(picture_in.size - 8);
    picture_in.bytes[5] = (unsigned char)((picture_in.size - 8) >> 8);
}

#define VP8 "\x10\0\0\x9d\x01\x2a\x09\0\x07\0frame"
#define VP8L "\x2f\x08\x80\x01\0pixels" /* 9 × 7 */
#define VP8X(flags) flags "\0\0\0\x08\0\0\x06\0\0"

static void test_webp(void **state)
{
    (void)state;
    webp_start();
    webp_chunk("VP8 ", VP8, 15);
    webp_end();
    picture_passes_unchanged("image/webp", 9, 7);
    picture_fails_at_every_length("image/webp");
    picture_survives_damage("image/webp");
    picture_fails("image/png");
    webp_start();
    webp_chunk("VP8L", VP8L, 11);
    webp_end();
    picture_passes_unchanged("image/webp", 9, 7);
    webp_start();
    webp_chunk("VP8X", VP8X("\x10"), 10);
    webp_chunk("ICCP", "colours", 7);
    webp_chunk("ALPH", "alpha", 5);
    webp_chunk("VP8 ", VP8, 15);
    webp_end();
    picture_passes_unchanged("image/webp", 9, 7);
    picture_fails_at_every_length("image/webp");
    webp_start();
    webp_chunk("VP8X", VP8X("\x02"), 10);
    webp_chunk("ANIM", "\0\0\0\0\0\0", 6);
    webp_chunk("ANMF", "0123456789abcdefframe", 21);
    webp_end();
    picture_passes_unchanged("image/webp", 9, 7);
}

static void test_webp_tells_nothing_but_the_picture(void **state)
{
    (void)state;
    webp_start();
    webp_chunk("VP8X", VP8X("\x0c"), 10);
    webp_chunk("VP8L", VP8L, 11);
    webp_chunk("EXIF", "GPS", 3);
    webp_chunk("XMP ", "GPS", 3);
    webp_chunk("what", "GPS", 3);
    webp_end();
    picture_add(&picture_in, "<html>GPS", 9);
    picture_passes("image/webp", 9, 7);
    assert_false(picture_holds(&picture_out, "GPS"));
    assert_int_equal(picture_out.bytes[20], 0); /* flags */
    assert_int_equal(picture_out.bytes[4] + 8u, picture_out.size);
    picture_survives_damage("image/webp");
}

static void test_webp_not_whole(void **state)
{
    (void)state;
    webp_start();
    webp_chunk("VP8 ", "\x11\0\0\x9d\x01\x2a\x09\0\x07\0frame", 15);
    webp_end();
    picture_fails("image/webp"); /* no key frame */
    webp_start();
    webp_chunk("VP8 ", "\x10\0\0\x9d\x01\x2b\x09\0\x07\0frame", 15);
    webp_end();
    picture_fails("image/webp");
    webp_start();
    webp_chunk("VP8L", "\x2e\x08\x80\x01\0pixels", 11);
    webp_end();
    picture_fails("image/webp");
    webp_start();
    webp_chunk("VP8X", "\0\0\0\0\x09\0\0\x06\0\0", 10);
    webp_chunk("VP8 ", VP8, 15);
    webp_end();
    picture_fails("image/webp"); /* canvas and picture differ */
    webp_start();
    webp_chunk("VP8X", VP8X("\0"), 10);
    webp_end();
    picture_fails("image/webp"); /* no picture */
    webp_start();
    webp_chunk("EXIF", "GPS", 3);
    webp_end();
    picture_fails("image/webp");
    webp_start();
    webp_chunk("VP8 ", VP8, 15);
    webp_end();
    picture_in.bytes[16] += 10; /* longer than what it lies in */
    picture_add_byte(&picture_in, 0, 30);
    picture_fails("image/webp");
}

/* ----------------------------------------------------------------------------------------------------------------- */

static int full(void *context, const void *data, size_t size)
{
    (void)context, (void)data;
    return size ? -ENOSPC : 0;
}

static void test_types_and_full_disk(void **state)
{
    static const char *const others[] = {"",      "image/gif", "image/svg+xml", "image/jpegx",
                                         "image", "text/html", "image/pn"};

    (void)state;
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        assert_int_equal(image_start(&picture, others[i], picture_keep, &picture_out), -EINVAL);
    assert_int_equal(image_start(&picture, NULL, picture_keep, &picture_out), -EINVAL);
    png_start("\x08\x02\0\0\0");
    assert_int_equal(image_start(&picture, "image/png", full, NULL), 0);
    assert_int_equal(image_feed(&picture, picture_in.bytes, picture_in.size), -ENOSPC);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_png),
        cmocka_unit_test(test_png_tells_nothing_but_the_picture),
        cmocka_unit_test(test_png_not_whole),
        cmocka_unit_test(test_webp),
        cmocka_unit_test(test_webp_tells_nothing_but_the_picture),
        cmocka_unit_test(test_webp_not_whole),
        cmocka_unit_test(test_types_and_full_disk),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
