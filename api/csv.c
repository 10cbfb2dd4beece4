/* csv.c — writes a line of CSV from one row of binary columns, by the compiled reply schema. */
#include "csv.h"

#include <errno.h>
#include <string.h>

#include "row.h"

enum { LOCAL_TIME = 19 };

/* What a spreadsheet takes for the beginning of a formula. Some read the full-width forms as they read the others. */
static bool is_formula(const char *text, size_t size)
{
    static const char *const starts[] = {"=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"};

    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++)
        if (size >= strlen(starts[i]) && !memcmp(text, starts[i], strlen(starts[i])))
            return true;
    return false;
}

/* Also where a reader of other habits would part or trim: at a semicolon, a tab, a blank at an end. */
static bool wants_quotes(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (text[i] && strchr("\",;\t\r\n", text[i]))
            return true;
    return size && (text[0] == ' ' || text[size - 1] == ' ');
}

void csv_text(const char *text, size_t size, struct buffer *out)
{
    bool quoted = wants_quotes(text, size);
    size_t from = 0;

    buffer_add(out, "\"", quoted ? 1 : 0);
    buffer_add(out, "'", is_formula(text, size) ? 1 : 0);
    for (size_t i = 0; quoted && i < size; i++)
        if (text[i] == '"') {
            buffer_add(out, text + from, i + 1 - from);
            from = i;
        }
    buffer_add(out, text + from, size - from);
    buffer_add(out, "\"", quoted ? 1 : 0);
}

/* A row while its line is written. */
struct line {
    const struct binding *binding;
    const struct value *values; /* by column */
    const struct encoding *encoding;
    const struct csv_style *style;
    struct buffer *out;
    bool begun;
};

static bool is_text(uint32_t type)
{
    return type == PG_TEXT || type == PG_VARCHAR || type == PG_BPCHAR || type == PG_NAME;
}

/* Without the quotes of JSON: what has them and is no text is an id or a time, and has nothing to be escaped. */
static int add_bare(const struct value *value, struct zone *zone, struct buffer *out)
{
    size_t from = out->size;
    int r = value_encode(value, zone, out);

    if (!r && !out->failed && out->data[from] == '"') {
        out->size -= 2;
        memmove(out->data + from, out->data + from + 1, out->size - from);
    }
    return r;
}

static int add_time(const struct value *value, const struct line *line)
{
    size_t from = line->out->size;
    int r = add_bare(value, line->encoding->zone, line->out);

    if (r || line->out->failed || !line->style->local_times || line->out->size < from + LOCAL_TIME)
        return r;
    line->out->data[from + 10] = ' ';
    line->out->size = from + LOCAL_TIME;
    return 0;
}

/* a;b;c — and by that a text like any other. */
static int add_list(const struct value *value, const struct line *line)
{
    struct buffer text = {.size = 0};
    struct elements elements;
    struct value element;
    int r = elements_begin(value, &elements);

    while (!r && (r = elements_next(&elements, &element)) > 0) {
        buffer_add(&text, ";", text.size ? 1 : 0);
        if (is_text(element.type))
            buffer_add(&text, element.data, element.size);
        r = is_text(element.type) ? 0 : add_bare(&element, line->encoding->zone, &text);
    }
    if (!r)
        csv_text(text.data ? text.data : "", text.size, line->out);
    r = r ? r : text.failed ? -ENOMEM : 0;
    buffer_free(&text);
    return r;
}

static int add_json(const struct value *value, const struct line *line)
{
    struct buffer text = {.size = 0};
    int r = value_encode(value, line->encoding->zone, &text);

    if (!r)
        csv_text(text.data, text.size, line->out);
    r = r ? r : text.failed ? -ENOMEM : 0;
    buffer_free(&text);
    return r;
}

static int add_value(const struct value *value, const struct line *line)
{
    switch (value->type) {
    case PG_TEXT:
    case PG_VARCHAR:
    case PG_BPCHAR:
    case PG_NAME:
        csv_text(value->data, value->size, line->out);
        return 0;
    case PG_JSON:
    case PG_JSONB:
        return add_json(value, line);
    case PG_TEXT_ARRAY:
    case PG_VARCHAR_ARRAY:
    case PG_NAME_ARRAY:
    case PG_UUID_ARRAY:
    case PG_INT2_ARRAY:
    case PG_INT4_ARRAY:
    case PG_INT8_ARRAY:
        return add_list(value, line);
    case PG_TIMESTAMPTZ:
        return add_time(value, line);
    default:
        return add_bare(value, line->encoding->zone, line->out);
    }
}

static int add_name(const struct line *line, const struct encode_node *node)
{
    struct buffer text = {.size = 0};
    int r = encode_name(line->binding, line->values, node, line->encoding, &text);

    if (!r)
        csv_text(text.data ? text.data : "", text.size, line->out);
    r = r ? r : text.failed ? -ENOMEM : 0;
    buffer_free(&text);
    return r;
}

/* No row for people has offers; what a machine may do next is for the moment, and an export is for keeping. */
static int add_cell(struct line *line, const struct encode_node *node)
{
    const struct binding_slot *bound = &line->binding->bound[node->slot];
    const struct value *value = &line->values[bound->column];

    buffer_add(line->out, ",", line->begun ? 1 : 0);
    line->begun = true;
    if (value->data == NULL)
        return 0;
    if (bound->how == BIND_NAME)
        return add_name(line, node);
    /* A statement that was prepared anew may answer other types than it did at start. */
    if (bound->how != BIND_VALUE || value->type != bound->type)
        return -EINVAL;
    return add_value(value, line);
}

static int add_cells(struct line *line, const struct encode_node *nodes, size_t n)
{
    int r = 0;

    for (size_t i = 0; i < n && !r; i++)
        r = nodes[i].kind == ENCODE_OBJECT ? add_cells(line, nodes[i].children, nodes[i].n_children)
                                           : add_cell(line, &nodes[i]);
    return r;
}

int csv_row(const struct binding *binding, const PGresult *result, int row, const struct encoding *encoding,
            const struct csv_style *style, struct buffer *out)
{
    const struct encoder *encoder = binding->operation->encoder;
    struct value values[ROW_COLUMNS];
    struct line line = {
        .binding = binding, .values = values, .encoding = encoding, .style = style, .out = out, .begun = false};
    int r;

    if (!encoder || row_read(result, row, binding->n_columns, values) < 0)
        return -EINVAL;
    r = add_cells(&line, encoder->nodes, encoder->n_nodes);
    buffer_add(out, "\r\n", 2);
    return r ? r : out->failed ? -ENOMEM : 0;
}

/* The column's name, but with dots: names of tables cannot have them, paths of JSON do. */
static void add_head(const struct encode_node *node, struct buffer *out)
{
    const char *rest = node->column;

    for (const char *mark; (mark = strstr(rest, "__")); rest = mark + 2) {
        buffer_add(out, rest, (size_t)(mark - rest));
        buffer_add(out, ".", 1);
    }
    buffer_add_text(out, rest);
}

static void add_heads(const struct encode_node *nodes, size_t n, const struct csv_style *style, bool *begun,
                      struct buffer *out)
{
    for (size_t i = 0; i < n; i++) {
        if (nodes[i].kind == ENCODE_OBJECT) {
            add_heads(nodes[i].children, nodes[i].n_children, style, begun, out);
            continue;
        }
        buffer_add(out, ",", *begun ? 1 : 0);
        *begun = true;
        if (style->titles && nodes[i].title)
            csv_text(nodes[i].title, strlen(nodes[i].title), out);
        else
            add_head(&nodes[i], out);
    }
}

void csv_header(const struct encoder *encoder, const struct csv_style *style, struct buffer *out)
{
    bool begun = false;

    add_heads(encoder->nodes, encoder->n_nodes, style, &begun, out);
    buffer_add(out, "\r\n", 2);
}
