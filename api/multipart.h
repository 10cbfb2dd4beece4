/* multipart.h — multipart/form-data (RFC 7578) as it streams in. */
#ifndef WHISTLED_MULTIPART_H
#define WHISTLED_MULTIPART_H

#include <stdbool.h>
#include <stddef.h>

enum { MULTIPART_BOUNDARY = 70, MULTIPART_HEAD = 2048, MULTIPART_TEXT = 256, MULTIPART_PARTS = 256 };

/* What a part's header says. */
struct part {
    char name[MULTIPART_TEXT];
    char content_type[MULTIPART_TEXT]; /* empty: none was said */
    bool file;                         /* it has a filename; which, is nobody's business */
    bool empty_name;                   /* … an empty one: a browser's field without a choice */
};

/* All: 0, or -Exxx, which multipart_feed then returns. */
struct part_sink {
    int (*begin)(void *context, const struct part *part);
    int (*data)(void *context, const void *data, size_t size);
    int (*end)(void *context);
};

enum multipart_state { PART_BEFORE, PART_BOUNDARY, PART_HEAD, PART_DATA, PART_AFTER };

struct multipart {
    const struct part_sink *sink;
    void *context;
    enum multipart_state state;
    char delimiter[4 + MULTIPART_BOUNDARY + 1]; /* CR LF - - boundary: only its first byte is a CR */
    size_t size, matched;                       /* of the delimiter */
    char head[MULTIPART_HEAD];
    size_t head_size;
    unsigned parts;
};

/* Of the request's Content-Type. -EBADMSG when it names no boundary. */
int multipart_start(struct multipart *multipart, const char *content_type, const struct part_sink *sink, void *context);
/* -EBADMSG when it is no such body, -E2BIG when it has too many parts. After an error it takes nothing more. */
int multipart_feed(struct multipart *multipart, const char *data, size_t size);
/* Is the last boundary there? */
bool multipart_is_whole(const struct multipart *multipart);

#endif
