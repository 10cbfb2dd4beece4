/* encode.c — writes an object from one row of binary columns, by the compiled reply schema. */
#include "encode.h"

#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "encode_value.h"
#include "names.h"
#include "offers.h"
#include "row.h"

struct row {
    const struct binding *binding;
    const struct value *values; /* by column */
    const struct encoding *encoding;
    struct buffer *out;
};

bool encode_is_null(const struct binding *binding, const struct value *values, const struct encode_node *node)
{
    if (node->kind == ENCODE_COLUMN)
        return values[binding->bound[node->slot].column].data == NULL;
    for (size_t i = 0; i < node->n_children; i++)
        if (!encode_is_null(binding, values, &node->children[i]))
            return false;
    return true;
}

static void add_name(struct buffer *out, const char *name, bool first)
{
    buffer_add(out, ",\"", first ? 0 : 1);
    buffer_add(out, "\"", 1);
    buffer_add_text(out, name);
    buffer_add(out, "\":", 2);
}

static int add_value(const struct row *row, const struct binding_slot *bound)
{
    const struct value *value = &row->values[bound->column];

    /* A statement that was prepared anew may answer other types than it did at start. */
    if (value->type != bound->type)
        return -EINVAL;
    return value_encode(value, row->encoding->zone, row->out);
}

/* The letters of db/queries/system/names.sql; a party says its kind in the row. */
static char kind_of(const struct row *row, const struct encode_node *node, const struct binding_slot *bound)
{
    static const char kinds[] = {[NAMES_CATEGORY] = 'c', [NAMES_AREA] = 'a', [NAMES_ORGANISATION] = 'o'};
    const char *party;

    if (node->names != NAMES_PARTY)
        return kinds[node->names];
    party = row->values[bound->beside].data; /* person, organisation, role */
    return party ? party[0] : '\0';
}

/* As mask_name in SQL: the first character, a star for each of the rest. */
static void add_masked(struct buffer *out, const char *name)
{
    size_t first = name[0] ? 1 : 0;

    while ((name[first] & 0xc0) == 0x80)
        first++;
    buffer_add(out, name, first);
    for (const char *rest = name + first; *rest; rest++)
        if ((*rest & 0xc0) != 0x80)
            buffer_add(out, "*", 1);
}

/* What stands for a key: its name, or where that has to do the key itself. */
struct known {
    const char *text;
    size_t size;
    bool masked;
};

static int find_known(const struct row *row, const struct encode_node *node, const struct binding_slot *bound,
                      struct known *ret_known)
{
    const struct value *key = &row->values[bound->column];
    char kind = kind_of(row, node, bound);
    const char *name = row->encoding->street ? street_name(row->encoding->street, kind, key->data, key->size) : NULL;

    if (!name && !row->encoding->keys_do)
        return -ENOKEY;
    *ret_known = (struct known){
        .text = name ? name : key->data,
        .size = name ? strlen(name) : key->size,
        .masked = name && kind == 'p' && row->encoding->masked,
    };
    return 0;
}

static int add_known(const struct row *row, const struct encode_node *node, const struct binding_slot *bound)
{
    struct known known;
    int r = find_known(row, node, bound, &known);

    if (r < 0)
        return r;
    if (known.masked) {
        buffer_add(row->out, "\"", 1);
        add_masked(row->out, known.text);
        buffer_add(row->out, "\"", 1);
    } else {
        buffer_add_json_string(row->out, known.text, known.size);
    }
    return 0;
}

int encode_name(const struct binding *binding, const struct value *values, const struct encode_node *node,
                const struct encoding *encoding, struct buffer *out)
{
    const struct row context = {.binding = binding, .values = values, .encoding = encoding, .out = out};
    struct known known;
    int r = find_known(&context, node, &binding->bound[node->slot], &known);

    if (r == 0 && known.masked)
        add_masked(out, known.text);
    else if (r == 0)
        buffer_add(out, known.text, known.size);
    return r;
}

static int add_offers(const struct row *row, const struct encode_node *node, const struct binding_slot *bound)
{
    const struct value *value = &row->values[bound->column], *state = &row->values[bound->beside];
    uint64_t bits;

    if (value->size != sizeof bits)
        return -EINVAL;
    memcpy(&bits, value->data, sizeof bits);
    offers_write(row->encoding->offers, node->offers, state->data ? state->data : "", (int64_t)be64toh(bits), row->out);
    return 0;
}

static int add_column(const struct row *row, const struct encode_node *node)
{
    const struct binding_slot *bound = &row->binding->bound[node->slot];

    switch (bound->how) {
    case BIND_NAME:
        return add_known(row, node, bound);
    case BIND_OFFERS:
        return add_offers(row, node, bound);
    case BIND_VALUE:
        break;
    }
    return add_value(row, bound);
}

static int add_object(const struct row *row, const struct encode_node *nodes, size_t n);

static int add_node(const struct row *row, const struct encode_node *node, bool *first)
{
    /* A required object says by its own members what may be missing. */
    bool may_miss = node->nullable || !node->required || node->kind == ENCODE_COLUMN;
    bool null = may_miss && encode_is_null(row->binding, row->values, node);

    if (null && !node->nullable)
        return node->required ? -EINVAL : 0;

    add_name(row->out, node->name, *first);
    *first = false;
    if (null) {
        buffer_add(row->out, "null", 4);
        return 0;
    }
    return node->kind == ENCODE_OBJECT ? add_object(row, node->children, node->n_children) : add_column(row, node);
}

static int add_object(const struct row *row, const struct encode_node *nodes, size_t n)
{
    bool first = true;

    buffer_add(row->out, "{", 1);
    for (size_t i = 0; i < n; i++) {
        int r = add_node(row, &nodes[i], &first);

        if (r < 0)
            return r;
    }
    buffer_add(row->out, "}", 1);
    return 0;
}

int encode_row(const struct binding *binding, const PGresult *result, int row, const struct encoding *encoding,
               struct buffer *out)
{
    const struct encoder *encoder = binding->operation->encoder;
    struct value values[ROW_COLUMNS];
    const struct row context = {.binding = binding, .values = values, .encoding = encoding, .out = out};
    int r;

    if (encoder == NULL || row_read(result, row, binding->n_columns, values) < 0)
        return -EINVAL;
    r = add_object(&context, encoder->nodes, encoder->n_nodes);
    return r == 0 && out->failed ? -ENOMEM : r;
}
