/* encode.c — writes an object from one row of binary columns, by the compiled reply schema. */
#include "encode.h"

#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "encode_value.h"

struct row {
    const struct binding *binding;
    const PGresult *result;
    int number;
    struct zone *zone;
    struct buffer *out;
};

static bool is_null(const struct row *row, const struct encode_node *node)
{
    if (node->kind == ENCODE_COLUMN)
        return PQgetisnull(row->result, row->number, row->binding->columns[node->slot]);
    for (size_t i = 0; i < node->n_children; i++)
        if (!is_null(row, &node->children[i]))
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

static int add_column(const struct row *row, const struct encode_node *node)
{
    int column = row->binding->columns[node->slot];
    struct value value = {
        .type = row->binding->types[node->slot],
        .data = PQgetvalue(row->result, row->number, column),
        .size = (size_t)PQgetlength(row->result, row->number, column),
    };

    /* A statement that was prepared anew may answer other types than it did at start. */
    if (PQftype(row->result, column) != value.type)
        return -EINVAL;
    return value_encode(&value, row->zone, row->out);
}

static int add_object(const struct row *row, const struct encode_node *nodes, size_t n);

static int add_node(const struct row *row, const struct encode_node *node, bool *first)
{
    /* A required object says by its own members what may be missing. */
    bool may_miss = node->nullable || !node->required || node->kind == ENCODE_COLUMN;
    bool null = may_miss && is_null(row, node);

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

int encode_row(const struct binding *binding, const PGresult *result, int row, struct zone *zone, struct buffer *out)
{
    const struct encoder *encoder = binding->operation->encoder;
    const struct row context = {.binding = binding, .result = result, .number = row, .zone = zone, .out = out};
    int r;

    if (encoder == NULL || PQnfields(result) != binding->n_columns)
        return -EINVAL;
    r = add_object(&context, encoder->nodes, encoder->n_nodes);
    return r == 0 && out->failed ? -ENOMEM : r;
}
