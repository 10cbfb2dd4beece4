/* encode_xml.c — writes an object from one row as XML, by the same compiled reply schema as JSON. Elements are the
 * properties' names; what is null is an empty element; what a reader does not get is absent. No attributes, no
 * namespaces: what stands in XML stands in JSON too. */
#include "encode_xml.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "row.h"

struct row {
    const struct binding *binding;
    const struct value *values; /* by column */
    const struct encoding *encoding;
    struct buffer *out;
};

/* Control characters and the two non-characters cannot stand in XML 1.0, not even escaped. Returns how many bytes do
 * not belong there; 0: none. */
static size_t foreign_bytes(const char *text, size_t size)
{
    unsigned char c = (unsigned char)text[0];

    if (c < 0x20)
        return c != '\t' && c != '\n' && c != '\r';
    return size >= 3 && (!memcmp(text, "\xef\xbf\xbe", 3) || !memcmp(text, "\xef\xbf\xbf", 3)) ? 3 : 0;
}

static const char *entity_of(char c)
{
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\r':
        return "&#13;"; /* a parser makes a plain one a line feed */
    default:
        return NULL;
    }
}

void buffer_add_xml_text(struct buffer *buffer, const char *text, size_t size)
{
    size_t from = 0;

    for (size_t i = 0; i < size;) {
        const char *entity = entity_of(text[i]);
        size_t foreign = foreign_bytes(text + i, size - i);
        size_t used = foreign ? foreign : 1;

        if (!entity && !foreign) {
            i++;
            continue;
        }
        buffer_add(buffer, text + from, i - from);
        buffer_add_text(buffer, foreign ? "\xef\xbf\xbd" : entity);
        from = i += used;
    }
    buffer_add(buffer, text + from, size - from);
}

static void add_tag(struct buffer *out, const char *before, const char *name, const char *after)
{
    buffer_add_text(out, before);
    buffer_add_text(out, name);
    buffer_add_text(out, after);
}

void xml_open(struct buffer *out, const char *name)
{
    add_tag(out, "<", name, ">");
}

void xml_close(struct buffer *out, const char *name)
{
    add_tag(out, "</", name, ">");
}

static const struct xml_element *find_member(const struct xml_element *element, const char *name)
{
    for (size_t i = 0; element && i < element->n_members; i++)
        if (!strcmp(element->members[i].name, name))
            return &element->members[i];
    return NULL;
}

/* A key that the contract does not name may be no XML name; none of ours is. */
static bool is_name(const char *name)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_";

    return *name && strchr(letters, *name) &&
           !name[strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789-.")];
}

static int add_json(struct buffer *out, const struct xml_element *element, const char *name, const json_t *value);

static int add_json_inside(struct buffer *out, const struct xml_element *element, const json_t *value)
{
    const char *key;
    char *text;
    json_t *member;
    int r = 0;

    if (json_is_string(value)) {
        buffer_add_xml_text(out, json_string_value(value), json_string_length(value));
        return 0;
    }
    if (json_is_array(value)) {
        for (size_t i = 0; i < json_array_size(value) && !r; i++)
            r = element && element->item ? add_json(out, element->item, element->item->name, json_array_get(value, i))
                                         : -EINVAL;
        return r;
    }
    if (json_is_object(value)) {
        /* jansson's iterators take no const object; this one changes nothing. */
        json_object_foreach((json_t *)(uintptr_t)value, key, member) if (!r) r =
            add_json(out, find_member(element, key), key, member);
        return r;
    }
    text = json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
    if (!text)
        return -ENOMEM;
    buffer_add_text(out, text);
    free(text);
    return 0;
}

static int add_json(struct buffer *out, const struct xml_element *element, const char *name, const json_t *value)
{
    int r;

    if (!is_name(name))
        return -EINVAL;
    if (json_is_null(value)) {
        add_tag(out, "<", name, "/>");
        return 0;
    }
    xml_open(out, name);
    r = add_json_inside(out, element, value);
    xml_close(out, name);
    return r;
}

/* Lists and JSON: as the other encoder writes them, read again. There is little of it in any row. */
static int add_structure(const struct row *row, const struct encode_node *node, const struct value *value)
{
    struct buffer text = {.size = 0};
    json_t *json = NULL;
    int r = value_encode(value, row->encoding->zone, &text);

    if (!r)
        r = text.failed ? -ENOMEM : 0;
    if (!r)
        json = json_loadb(text.data, text.size, JSON_DECODE_ANY, NULL);
    if (!r)
        r = json ? add_json_inside(row->out, node->element, json) : -EINVAL;
    json_decref(json);
    buffer_free(&text);
    return r;
}

/* Numbers, flags, times, ids: JSON's text without its quotes; none of them has anything to escape. */
static int add_scalar(const struct row *row, const struct value *value)
{
    struct buffer text = {.size = 0};
    int r = value_encode(value, row->encoding->zone, &text);
    bool quoted = !r && !text.failed && text.size >= 2 && text.data[0] == '"';

    if (!r && text.failed)
        r = -ENOMEM;
    if (!r)
        buffer_add(row->out, text.data + quoted, text.size - 2 * quoted);
    buffer_free(&text);
    return r;
}

/* Names and offers are put in nowhere here: the compiler lets none of them into a reply that may be asked for as XML.
 */
static int add_column(const struct row *row, const struct encode_node *node)
{
    const struct binding_slot *bound = &row->binding->bound[node->slot];
    const struct value *value = &row->values[bound->column];

    if (bound->how != BIND_VALUE || value->type != bound->type)
        return -EINVAL;
    if (value->type == PG_TEXT || value->type == PG_VARCHAR || value->type == PG_BPCHAR || value->type == PG_NAME) {
        buffer_add_xml_text(row->out, value->data, value->size);
        return 0;
    }
    return node->element ? add_structure(row, node, value) : add_scalar(row, value);
}

static int add_nodes(const struct row *row, const struct encode_node *nodes, size_t n);

static int add_node(const struct row *row, const struct encode_node *node)
{
    bool may_miss = node->nullable || !node->required || node->kind == ENCODE_COLUMN;
    bool null = may_miss && encode_is_null(row->binding, row->values, node);
    int r;

    if (null && !node->nullable)
        return node->required ? -EINVAL : 0;
    if (null) {
        add_tag(row->out, "<", node->name, "/>");
        return 0;
    }
    xml_open(row->out, node->name);
    r = node->kind == ENCODE_OBJECT ? add_nodes(row, node->children, node->n_children) : add_column(row, node);
    xml_close(row->out, node->name);
    return r;
}

static int add_nodes(const struct row *row, const struct encode_node *nodes, size_t n)
{
    int r = 0;

    for (size_t i = 0; i < n && !r; i++)
        r = add_node(row, &nodes[i]);
    return r;
}

int encode_xml_row(const struct binding *binding, const PGresult *result, int number, const struct encoding *encoding,
                   const char *name, struct buffer *out)
{
    const struct encoder *encoder = binding->operation->encoder;
    struct value values[ROW_COLUMNS];
    const struct row row = {.binding = binding, .values = values, .encoding = encoding, .out = out};
    int r;

    if (!encoder || row_read(result, number, binding->n_columns, values) < 0)
        return -EINVAL;
    xml_open(out, name);
    r = add_nodes(&row, encoder->nodes, encoder->n_nodes);
    xml_close(out, name);
    return !r && out->failed ? -ENOMEM : r;
}
