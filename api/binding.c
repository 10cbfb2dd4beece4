/* binding.c — at start, a statement's columns are compared with the reply schema they are to fill. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "encode.h"
#include "row.h"

/* A column of this type may fill a property of this kind. */
struct fit {
    uint32_t type;
    unsigned kinds;            /* any of these in the schema */
    unsigned items;            /* of an array; 0: whatever it holds */
    enum string_format format; /* what the schema may promise beyond a plain string */
    const char *name;
};

enum { JSON_KINDS = JSON_KIND_OBJECT | JSON_KIND_ARRAY, INTEGER_KINDS = JSON_KIND_INTEGER | JSON_KIND_NUMBER };

static const struct fit fits[] = {
    {PG_TEXT, JSON_KIND_STRING, 0, FORMAT_NONE, "text"},
    {PG_VARCHAR, JSON_KIND_STRING, 0, FORMAT_NONE, "varchar"},
    {PG_BPCHAR, JSON_KIND_STRING, 0, FORMAT_NONE, "char"},
    {PG_NAME, JSON_KIND_STRING, 0, FORMAT_NONE, "name"},
    {PG_UUID, JSON_KIND_STRING, 0, FORMAT_UUID, "uuid"},
    {PG_TIMESTAMPTZ, JSON_KIND_STRING, 0, FORMAT_DATE_TIME, "timestamptz"},
    {PG_DATE, JSON_KIND_STRING, 0, FORMAT_DATE, "date"},
    {PG_INT2, INTEGER_KINDS, 0, FORMAT_NONE, "int2"},
    {PG_INT4, INTEGER_KINDS, 0, FORMAT_NONE, "int4"},
    {PG_INT8, INTEGER_KINDS, 0, FORMAT_NONE, "int8"},
    {PG_FLOAT4, JSON_KIND_NUMBER, 0, FORMAT_NONE, "float4"},
    {PG_FLOAT8, JSON_KIND_NUMBER, 0, FORMAT_NONE, "float8"},
    {PG_BOOL, JSON_KIND_BOOLEAN, 0, FORMAT_NONE, "bool"},
    {PG_JSON, JSON_KINDS, 0, FORMAT_NONE, "json"},
    {PG_JSONB, JSON_KINDS, 0, FORMAT_NONE, "jsonb"},
    {PG_TEXT_ARRAY, JSON_KIND_ARRAY, JSON_KIND_STRING, FORMAT_NONE, "text[]"},
    {PG_VARCHAR_ARRAY, JSON_KIND_ARRAY, JSON_KIND_STRING, FORMAT_NONE, "varchar[]"},
    {PG_NAME_ARRAY, JSON_KIND_ARRAY, JSON_KIND_STRING, FORMAT_NONE, "name[]"},
    {PG_UUID_ARRAY, JSON_KIND_ARRAY, JSON_KIND_STRING, FORMAT_UUID, "uuid[]"},
    {PG_INT2_ARRAY, JSON_KIND_ARRAY, INTEGER_KINDS, FORMAT_NONE, "int2[]"},
    {PG_INT4_ARRAY, JSON_KIND_ARRAY, INTEGER_KINDS, FORMAT_NONE, "int4[]"},
    {PG_INT8_ARRAY, JSON_KIND_ARRAY, INTEGER_KINDS, FORMAT_NONE, "int8[]"},
};

static const struct fit *fit_of(uint32_t type)
{
    for (size_t i = 0; i < sizeof(fits) / sizeof(fits[0]); i++)
        if (fits[i].type == type)
            return &fits[i];
    return NULL;
}

static bool format_fits(const struct fit *fit, enum string_format promised)
{
    return promised == FORMAT_NONE || promised == fit->format;
}

static bool column_fits(uint32_t type, const struct schema *schema)
{
    const struct fit *fit = fit_of(type);
    const struct schema *items = schema->items;

    /* A schema that names no type promises nothing; only JSON can be anything. */
    if (fit != NULL && (fit->kinds & JSON_KINDS) == JSON_KINDS && schema->types == 0)
        return true;
    if (fit == NULL || (schema->types & fit->kinds) == 0)
        return false;
    if (fit->kinds == JSON_KIND_STRING)
        return format_fits(fit, schema->format);
    if (fit->kinds != JSON_KIND_ARRAY)
        return true;
    return items == NULL || items->types == 0 || ((items->types & fit->items) != 0 && format_fits(fit, items->format));
}

struct search {
    struct binding *binding;
    const PGresult *description;
    bool *used; /* by column */
    char **reterr_text;
};

static int complain(const struct search *search, const char *format, ...) __attribute__((format(printf, 2, 3)));

static int complain(const struct search *search, const char *format, ...)
{
    char text[512];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    if (asprintf(search->reterr_text, "operation %s: %s", search->binding->operation->id, text) < 0)
        *search->reterr_text = NULL;
    return -EINVAL;
}

/* PQfnumber folds case and unquotes; ours are exact. */
static int find_column(const struct search *search, const char *name)
{
    for (int i = 0; i < PQnfields(search->description); i++)
        if (strcmp(PQfname(search->description, i), name) == 0)
            return i;
    return -1;
}

/* The column of the property of this name beside the node. */
static int find_beside(const struct search *search, const struct encode_node *nodes, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(nodes[i].name, name) == 0 && nodes[i].kind == ENCODE_COLUMN)
            return find_column(search, nodes[i].column);
    return -1;
}

/* Its name comes by the key beside it. */
static int bind_name(const struct search *search, const struct encode_node *node, const struct encode_node *nodes,
                     size_t n)
{
    bool party = node->names == NAMES_PARTY;
    struct binding_slot *bound = &search->binding->bound[node->slot];

    bound->how = BIND_NAME;
    bound->column = find_beside(search, nodes, n, party ? "id" : "code");
    bound->beside = party ? find_beside(search, nodes, n, "kind") : -1;
    if (bound->column < 0 || (party && bound->beside < 0))
        return complain(search, "neither a column `%s` nor a key beside it", node->column);
    search->binding->has_names = true;
    return 0;
}

static int bind_offers(const struct search *search, const struct encode_node *node, int column,
                       const struct encode_node *nodes, size_t n)
{
    struct binding_slot *bound = &search->binding->bound[node->slot];

    *bound = (struct binding_slot){
        .how = BIND_OFFERS, .column = column, .type = PG_INT8, .beside = find_beside(search, nodes, n, "state")};
    search->used[column] = true;
    return bound->beside < 0 ? complain(search, "bits in `%s`, but no column `state` beside it", node->column) : 0;
}

static int bind_value(const struct search *search, const struct encode_node *node, int column)
{
    uint32_t type = PQftype(search->description, column);

    if (!column_fits(type, node->schema)) {
        const struct fit *fit = fit_of(type);

        return complain(search, "the column `%s` of type %s (OID %u) does not fit the schema of `%s`", node->column,
                        fit != NULL ? fit->name : "unknown", type, node->name);
    }
    search->used[column] = true;
    search->binding->bound[node->slot] =
        (struct binding_slot){.how = BIND_VALUE, .column = column, .type = type, .beside = -1};
    return 0;
}

static int bind_column(const struct search *search, const struct encode_node *node, const struct encode_node *nodes,
                       size_t n)
{
    int column = find_column(search, node->column);

    if (column < 0 && node->names != NAMES_NONE)
        return bind_name(search, node, nodes, n);
    if (column < 0)
        return complain(search, "no column `%s` for the property `%s`", node->column, node->name);
    if (search->used[column])
        return complain(search, "the column `%s` fills two properties", node->column);
    if (node->offers != NULL && PQftype(search->description, column) == PG_INT8)
        return bind_offers(search, node, column, nodes, n);
    return bind_value(search, node, column);
}

static int bind_nodes(const struct search *search, const struct encode_node *nodes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        int r = nodes[i].kind == ENCODE_OBJECT ? bind_nodes(search, nodes[i].children, nodes[i].n_children)
                                               : bind_column(search, &nodes[i], nodes, n);

        if (r < 0)
            return r;
    }
    return 0;
}

static int bind_steering(const struct search *search)
{
    struct binding *b = search->binding;
    const struct {
        const char *name;
        uint32_t type, other_type;
        int *column;
    } steering[] = {
        {"_code", PG_TEXT, PG_VARCHAR, &b->code},         {"_pointer", PG_TEXT, PG_VARCHAR, &b->pointer},
        {"_detail", PG_JSONB, PG_JSON, &b->detail},       {"_version", PG_INT8, PG_INT8, &b->version},
        {"_location", PG_TEXT, PG_VARCHAR, &b->location}, {"_cursor", PG_TEXT, PG_VARCHAR, &b->cursor},
        {"_total", PG_INT8, PG_INT8, &b->total},          {"_item", PG_BOOL, PG_BOOL, &b->item},
        {"_replayed", PG_BOOL, PG_BOOL, &b->replayed},    {"_names", PG_INT8, PG_INT8, &b->names},
        {"_masked", PG_BOOL, PG_BOOL, &b->masked},
    };

    for (size_t i = 0; i < sizeof(steering) / sizeof(steering[0]); i++) {
        int column = find_column(search, steering[i].name);
        uint32_t type = column >= 0 ? PQftype(search->description, column) : steering[i].type;

        *steering[i].column = column;
        if (type != steering[i].type && type != steering[i].other_type)
            return complain(search, "the column `%s` must be %s", steering[i].name, fit_of(steering[i].type)->name);
    }
    return 0;
}

/* An export reads on and on: its statement says which rows are items, and where the next part begins. */
static int refuse_endless(const struct search *search)
{
    const struct binding *binding = search->binding;

    if (binding->operation->exports && (binding->item < 0 || binding->cursor < 0))
        return complain(search, "an export's statement has the columns `_item` and `_cursor`");
    return 0;
}

static int refuse_leftovers(const struct search *search)
{
    for (int i = 0; i < PQnfields(search->description); i++)
        if (!search->used[i] && PQfname(search->description, i)[0] != '_')
            return complain(search, "the column `%s` has no property in the reply schema",
                            PQfname(search->description, i));
    return 0;
}

static int bind(const struct search *search)
{
    const struct encoder *encoder = search->binding->operation->encoder;
    int r = search->binding->n_columns > ROW_COLUMNS ? complain(search, "more than %d columns", ROW_COLUMNS)
                                                     : bind_steering(search);

    if (r < 0 || encoder == NULL) /* no body: whatever the statement answers is not shown */
        return r;
    r = refuse_endless(search);
    if (r == 0)
        r = bind_nodes(search, encoder->nodes, encoder->n_nodes);
    if (r == 0 && search->binding->has_names && (search->binding->names < 0 || search->binding->masked < 0))
        r = complain(search, "names by their keys want the columns `_names` and `_masked`");
    return r < 0 ? r : refuse_leftovers(search);
}

int binding_new(const struct operation *operation, const PGresult *description, struct binding **ret_binding,
                char **reterr_text)
{
    size_t n = operation->encoder != NULL ? operation->encoder->n_slots : 0;
    struct binding *binding = calloc(1, sizeof(*binding));
    bool *used = calloc((size_t)PQnfields(description) + 1, sizeof(bool));
    struct search search = {.binding = binding, .description = description, .used = used, .reterr_text = reterr_text};
    int r = -ENOMEM;

    *reterr_text = NULL;
    if (binding != NULL && used != NULL) {
        binding->operation = operation;
        binding->n_columns = PQnfields(description);
        binding->bound = calloc(n + 1, sizeof(*binding->bound));
        if (binding->bound != NULL)
            r = bind(&search);
    }
    free(used);
    if (r < 0) {
        binding_free(binding);
        return r;
    }
    *ret_binding = binding;
    return 0;
}

struct binding *binding_free(struct binding *binding)
{
    if (binding == NULL)
        return NULL;
    free(binding->bound);
    free(binding);
    return NULL;
}
