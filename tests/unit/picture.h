/* picture.h — pictures that tests put together and send through image.h. */
#ifndef WHISTLED_TEST_PICTURE_H
#define WHISTLED_TEST_PICTURE_H

#include "unit.h"

#include "image.h"

enum { PICTURE_ROOM = 200000 };

/* A file that is put together. */
struct picture_file {
    unsigned char bytes[PICTURE_ROOM];
    size_t size;
};

/* What goes in, what came out of it, and what was seen on the way. */
extern struct picture_file picture_in, picture_out;
extern struct image picture;

void picture_add(struct picture_file *file, const void *data, size_t size);
void picture_add_byte(struct picture_file *file, unsigned value, size_t n);
image_write picture_keep;

/* The picture in pieces of `step` bytes. */
int picture_run(const char *type, size_t step);
/* However it is cut, the same comes out; and what came out passes once more, unchanged. */
void picture_passes(const char *type, uint32_t width, uint32_t height);
void picture_passes_unchanged(const char *type, uint32_t width, uint32_t height);
void picture_fails(const char *type);
/* No part of a picture is one. */
void picture_fails_at_every_length(const char *type);
/* Any byte may be wrong: whatever comes of it, it ends. The sanitizers look on. */
void picture_survives_damage(const char *type);
bool picture_holds(const struct picture_file *file, const char *text);

#endif
