/* multipart.c — parts between boundaries. Strict: what two readers could understand differently is refused. */
#include "multipart.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "text.h"

static bool is_boundary(const char *text, size_t size)
{
    static const char marks[] = "'()+_,-./:=? ";

    for (size_t i = 0; i < size; i++) {
        char c = text[i];
        bool letter = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');

        if (!letter && !(c && strchr(marks, c)))
            return false;
    }
    return size && size <= MULTIPART_BOUNDARY && text[size - 1] != ' ';
}

/* A value behind `name=`, with or without quotes. Returns what follows it, or NULL. */
static const char *read_value(const char *text, char *ret_value, size_t room)
{
    size_t n = 0;

    if (*text != '"') {
        n = strcspn(text, "; \t\r\n\"");
        if (!n || n >= room)
            return NULL;
        memcpy(ret_value, text, n);
        ret_value[n] = '\0';
        return text + n;
    }
    for (text++; *text && *text != '"' && n + 1 < room; text++) {
        if (*text == '\\' && (text[1] == '"' || text[1] == '\\'))
            text++;
        ret_value[n++] = *text;
    }
    ret_value[n] = '\0';
    return *text == '"' ? text + 1 : NULL;
}

/* `; name=value` again and again. 1: there is one more; 0: no; -EBADMSG. */
static int read_parameter(const char **text, char name[MULTIPART_TEXT], char value[MULTIPART_TEXT])
{
    const char *at = *text + strspn(*text, " \t");
    size_t size;

    if (!*at)
        return 0;
    if (*at++ != ';')
        return -EBADMSG;
    at += strspn(at, " \t");
    size = strcspn(at, "=; \t");
    if (at[size] != '=' || !text_is_token(at, size) || size >= MULTIPART_TEXT)
        return -EBADMSG;
    memcpy(name, at, size);
    name[size] = '\0';
    *text = read_value(at + size + 1, value, MULTIPART_TEXT);
    return *text ? 1 : -EBADMSG;
}

int multipart_start(struct multipart *multipart, const char *content_type, const struct part_sink *sink, void *context)
{
    char name[MULTIPART_TEXT], value[MULTIPART_TEXT];
    const char *rest = content_type + strcspn(content_type, "; \t");
    bool found = false;
    int r;

    *multipart = (struct multipart){.sink = sink, .context = context, .delimiter = "\r\n--"};
    while ((r = read_parameter(&rest, name, value)) > 0) {
        if (strcasecmp(name, "boundary") != 0)
            continue;
        if (found || !is_boundary(value, strlen(value)))
            return -EBADMSG;
        found = true;
        memcpy(multipart->delimiter + 4, value, strlen(value) + 1);
    }
    multipart->size = strlen(multipart->delimiter);
    multipart->matched = 2; /* the first boundary needs no line before it */
    return r || !found ? -EBADMSG : 0;
}

static int read_disposition(const char *text, struct part *part)
{
    char name[MULTIPART_TEXT], value[MULTIPART_TEXT];
    bool named = false;
    int r;

    if (strncasecmp(text, "form-data", 9) != 0)
        return -EBADMSG;
    text += 9;
    while ((r = read_parameter(&text, name, value)) > 0) {
        if (!strcasecmp(name, "name")) {
            if (named)
                return -EBADMSG;
            named = true;
            memcpy(part->name, value, sizeof value);
        } else if (!strcasecmp(name, "filename")) {
            part->file = true;
            part->empty_name = !*value;
        }
    }
    return r || !named || !text_is_utf8(part->name, strlen(part->name)) ? -EBADMSG : 0;
}

/* The parts of a form are sent as they are; nobody decodes base64 here. */
static bool is_plain_encoding(const char *text)
{
    return !strcasecmp(text, "binary") || !strcasecmp(text, "8bit") || !strcasecmp(text, "7bit");
}

static int read_line(const char *line, struct part *part, bool *disposed)
{
    const char *colon = strchr(line, ':');
    size_t size = colon ? (size_t)(colon - line) : 0;
    const char *value = colon ? colon + 1 + strspn(colon + 1, " \t") : "";

    if (!text_is_token(line, size))
        return -EBADMSG;
    if (text_equal(line, size, "content-disposition")) {
        if (*disposed)
            return -EBADMSG;
        *disposed = true;
        return read_disposition(value, part);
    }
    if (text_equal(line, size, "content-transfer-encoding"))
        return is_plain_encoding(value) ? 0 : -EBADMSG;
    if (text_equal(line, size, "content-type")) {
        if (strlen(value) >= sizeof part->content_type)
            return -EBADMSG;
        memcpy(part->content_type, value, strlen(value) + 1);
    }
    return 0;
}

/* The header is complete: lines with CR LF behind each, then an empty one. */
static int begin_part(struct multipart *multipart)
{
    struct part part = {.file = false};
    char *line = multipart->head;
    bool disposed = false;
    int r = 0;

    if (++multipart->parts > MULTIPART_PARTS)
        return -E2BIG;
    while (strcmp(line, "\r\n") != 0 && !r) {
        char *end = strstr(line, "\r\n");

        *end = '\0';
        r = strpbrk(line, "\r\n") ? -EBADMSG : read_line(line, &part, &disposed);
        line = end + 2;
    }
    if (!r && !disposed)
        r = -EBADMSG;
    multipart->head_size = 0;
    multipart->state = PART_DATA;
    return r ? r : multipart->sink->begin(multipart->context, &part);
}

static int take_head(struct multipart *multipart, char c)
{
    char *head = multipart->head;
    size_t n = multipart->head_size;

    if (!c || n + 1 >= MULTIPART_HEAD)
        return -EBADMSG;
    head[n++] = c;
    head[n] = '\0';
    multipart->head_size = n;
    if ((n == 2 && !memcmp(head, "\r\n", 2)) || (n > 3 && !memcmp(head + n - 4, "\r\n\r\n", 4)))
        return begin_part(multipart);
    return 0;
}

/* Behind a boundary: a new line before the next part, two hyphens behind the last. */
static int take_boundary(struct multipart *multipart, char c)
{
    char *seen = multipart->head;

    seen[multipart->head_size++] = c;
    if (multipart->head_size < 2)
        return c == '\r' || c == '-' ? 0 : -EBADMSG;
    multipart->head_size = 0;
    if (memcmp(seen, "\r\n", 2) != 0 && memcmp(seen, "--", 2) != 0)
        return -EBADMSG;
    multipart->state = seen[0] == '-' ? PART_AFTER : PART_HEAD;
    return 0;
}

static int emit(struct multipart *multipart, const char *data, size_t size)
{
    return size && multipart->state == PART_DATA ? multipart->sink->data(multipart->context, data, size) : 0;
}

static int meet_boundary(struct multipart *multipart)
{
    int r = multipart->state == PART_DATA ? multipart->sink->end(multipart->context) : 0;

    multipart->matched = 0;
    multipart->head_size = 0;
    multipart->state = PART_BOUNDARY;
    return r;
}

/* What is no boundary passes on. A CR can only be a boundary's first byte, so what was matched so far is never the
 * middle of another match. */
static int take_data(struct multipart *multipart, const char *data, size_t size, size_t *ret_used)
{
    const char *next;
    int r = 0;

    if (*data == multipart->delimiter[multipart->matched]) {
        *ret_used = 1;
        return ++multipart->matched == multipart->size ? meet_boundary(multipart) : 0;
    }
    if (multipart->matched)
        r = emit(multipart, multipart->delimiter, multipart->matched);
    multipart->matched = 0;
    next = memchr(data, '\r', size);
    *ret_used = next ? (size_t)(next - data) : size;
    return r ? r : emit(multipart, data, *ret_used);
}

int multipart_feed(struct multipart *multipart, const char *data, size_t size)
{
    int r = 0;

    for (size_t used; size && !r; data += used, size -= used) {
        used = 1;
        switch (multipart->state) {
        case PART_BEFORE:
        case PART_DATA:
            r = take_data(multipart, data, size, &used);
            break;
        case PART_BOUNDARY:
            r = take_boundary(multipart, *data);
            break;
        case PART_HEAD:
            r = take_head(multipart, *data);
            break;
        case PART_AFTER:
            used = size;
            break;
        }
    }
    return r;
}

bool multipart_is_whole(const struct multipart *multipart)
{
    return multipart->state == PART_AFTER;
}
