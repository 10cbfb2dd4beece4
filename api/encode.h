/* encode.h — rows of binary columns become JSON by the compiled reply schema. */
#ifndef WHISTLED_ENCODE_H
#define WHISTLED_ENCODE_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "contract.h"

/* A growing byte buffer (malloc'ed); `failed` sticks once memory was out. */
struct buffer {
    char *data;
    size_t size, capacity;
    bool failed;
};
/* Room for `size` more bytes; false: memory is out. */
bool buffer_reserve(struct buffer *buffer, size_t size);
/* Here for its caller to see through: a reply is some hundred small pieces. */
static inline void buffer_add(struct buffer *buffer, const void *data, size_t size)
{
    if (size == 0 || (size > buffer->capacity - buffer->size && !buffer_reserve(buffer, size)))
        return;
    memcpy(buffer->data + buffer->size, data, size);
    buffer->size += size;
}
void buffer_add_text(struct buffer *buffer, const char *text);
/* As printf; a line of at most 319 bytes, the rest of a longer one is left out. */
void buffer_add_format(struct buffer *buffer, const char *format, ...) __attribute__((format(printf, 2, 3)));
void buffer_add_json_string(struct buffer *buffer, const char *text, size_t size);
/* Gives back what is not used. */
void buffer_fit(struct buffer *buffer);
void buffer_free(struct buffer *buffer);

/* How a property gets its value from a row. */
enum binding_how {
    BIND_VALUE,  /* the column's */
    BIND_NAME,   /* what the column's key is called */
    BIND_OFFERS, /* the actions that the column's bits allow in the state beside it */
};
struct binding_slot {
    enum binding_how how;
    int column;
    uint32_t type; /* OID */
    int beside;    /* the party's kind, or the state; -1: none */
};

/* One operation's reply, bound once at start. Steering columns are -1 when the statement has none. */
struct binding {
    const struct operation *operation;
    struct binding_slot *bound; /* by encode_node.slot */
    int n_columns;              /* of the statement */
    bool has_names;
    int code, pointer, detail, version, location, cursor, total, item, replayed, names, masked;
};

/* Compares the statement's columns with the reply schema. Returns 0, or -EINVAL with a sentence that names operation
 * and column in reterr_text (malloc'ed). */
int binding_new(const struct operation *operation, const PGresult *description, struct binding **ret_binding,
                char **reterr_text);
struct binding *binding_free(struct binding *binding);

struct zone; /* offset cache of one time zone */
/* "Asia/Shanghai", from the system's zone files; NULL when there is no such zone. Not for several threads at once. */
struct zone *zone_new(const char *name);
struct zone *zone_free(struct zone *zone);
/* RFC 3339 with milliseconds and offset; unix time in microseconds. Writes at most 32 bytes with the NUL;
 * returns the length, 0 outside of the years 0 to 9999. */
size_t zone_format(struct zone *zone, int64_t unix_us, char *ret_text);

struct street;
struct offers;
struct value;

/* What beside the row makes a reply. */
struct encoding {
    struct zone *zone;
    const struct offers *offers;
    const struct street *street; /* names; NULL where a statement answers them itself */
    bool masked;                 /* people's names */
    bool keys_do;                /* what has no name is shown by its key */
};

/* One object from one row. Returns 0, -ENOMEM, -EINVAL when a value breaks the contract (NULL where required), or
 * -ENOKEY when a key has no name: then the names are not the newest. */
int encode_row(const struct binding *binding, const PGresult *result, int row, const struct encoding *encoding,
               struct buffer *out);

/* Whether a column is NULL, or all that an object is made of; values: of row_read. */
bool encode_is_null(const struct binding *binding, const struct value *values, const struct encode_node *node);

/* encode_row for one column that is BIND_NAME, as plain text. Returns 0 or -ENOKEY. */
int encode_name(const struct binding *binding, const struct value *values, const struct encode_node *node,
                const struct encoding *encoding, struct buffer *out);

#endif
