/* test_encode.c — a row becomes an object by the compiled schema: names, NULLs, nested objects; and columns that do not
 * fit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>

#include "encode.h"
#include "encode_value.h"
#include "pg_row.h"

static const struct encoding nothing;
static const struct schema string = {.types = JSON_KIND_STRING};
static const struct schema uuid = {.types = JSON_KIND_STRING, .format = FORMAT_UUID};
static const struct schema instant = {.types = JSON_KIND_STRING, .format = FORMAT_DATE_TIME};
static const struct schema number = {.types = JSON_KIND_NUMBER};
static const struct schema integer = {.types = JSON_KIND_INTEGER};
static const struct schema maybe_string = {.types = JSON_KIND_STRING | JSON_KIND_NULL};
static const struct schema strings = {.types = JSON_KIND_ARRAY, .items = &string};
static const struct schema uuids = {.types = JSON_KIND_ARRAY, .items = &uuid};
static const struct schema anything = {.types = JSON_KIND_OBJECT, .free_form = true};

static const struct encode_node location[] = {
    {.name = "lon", .kind = ENCODE_COLUMN, .column = "location__lon", .schema = &number, .required = true, .slot = 2},
    {.name = "address",
     .kind = ENCODE_COLUMN,
     .column = "location__address",
     .schema = &maybe_string,
     .nullable = true,
     .slot = 3},
};

/* id (required), title (nullable), note (optional), location */
#define THREE_NODES                                                                                                    \
    {.name = "id", .kind = ENCODE_COLUMN, .column = "id", .schema = &integer, .required = true, .slot = 0},            \
        {.name = "title",                                                                                              \
         .kind = ENCODE_COLUMN,                                                                                        \
         .column = "title",                                                                                            \
         .schema = &maybe_string,                                                                                      \
         .required = true,                                                                                             \
         .nullable = true,                                                                                             \
         .slot = 1},                                                                                                   \
    {                                                                                                                  \
        .name = "note", .kind = ENCODE_COLUMN, .column = "note", .schema = &string, .slot = 4                          \
    }

static const struct encode_node nodes_nullable[] = {
    THREE_NODES,
    {.name = "location",
     .kind = ENCODE_OBJECT,
     .children = location,
     .n_children = 2,
     .required = true,
     .nullable = true},
};
static const struct encode_node nodes_optional[] = {
    THREE_NODES,
    {.name = "location", .kind = ENCODE_OBJECT, .children = location, .n_children = 2},
};
static const struct encode_node nodes_required[] = {
    THREE_NODES,
    {.name = "location", .kind = ENCODE_OBJECT, .children = location, .n_children = 2, .required = true},
};

#define INT8_OF_5 "\0\0\0\0\0\0\0\5"
#define DOUBLE_OF_1 "\x3f\xf0\0\0\0\0\0\0"

enum { ID, TITLE, LON, ADDRESS, NOTE, VERSION, N_CELLS };

static const struct cell full[N_CELLS] = {
    [ID] = CELL("id", PG_INT8, INT8_OF_5),
    [TITLE] = CELL("title", PG_TEXT, "t"),
    [LON] = CELL("location__lon", PG_FLOAT8, DOUBLE_OF_1),
    [ADDRESS] = CELL("location__address", PG_TEXT, "a"),
    [NOTE] = CELL("note", PG_TEXT, "n"),
    [VERSION] = CELL("_version", PG_INT8, INT8_OF_5),
};

static char *encode_with(const struct encode_node *nodes, const struct cell *cells, int *ret_r)
{
    const struct encoder encoder = {.nodes = nodes, .n_nodes = 4, .n_slots = 5};
    const struct operation operation = {.id = "things.read", .encoder = &encoder};
    PGresult *result = pg_row(cells, N_CELLS, 1), *packed = pg_packed(cells, N_CELLS);
    struct buffer out = {0}, unpacked = {0};
    struct binding *binding = NULL;
    char *text;

    assert_int_equal(binding_new(&operation, result, &binding, &text), 0);
    assert_int_equal(binding->version, VERSION);
    assert_int_equal(binding->code, -1);
    *ret_r = encode_row(binding, result, 0, &nothing, &out);
    assert_int_equal(encode_row(binding, packed, 0, &nothing, &unpacked), *ret_r);
    assert_int_equal(unpacked.size, out.size);
    assert_memory_equal(unpacked.data, out.data, out.size);
    buffer_free(&unpacked);
    buffer_add(&out, "", 1);
    binding_free(binding);
    PQclear(result);
    PQclear(packed);
    return out.data;
}

static void check(const struct encode_node *nodes, const struct cell *cells, const char *expected)
{
    int r;
    char *text = encode_with(nodes, cells, &r);

    assert_int_equal(r, expected != NULL ? 0 : -EINVAL);
    if (expected != NULL)
        assert_string_equal(text, expected);
    free(text);
}

static void without(struct cell *ret_cells, unsigned nulls)
{
    memcpy(ret_cells, full, sizeof(full));
    for (unsigned i = 0; i < N_CELLS; i++)
        if ((nulls & 1u << i) != 0)
            ret_cells[i].data = NULL;
}

static void a_full_row(void **state)
{
    (void)state;
    check(nodes_nullable, full, "{\"id\":5,\"title\":\"t\",\"note\":\"n\",\"location\":{\"lon\":1,\"address\":\"a\"}}");
}

static void null_is_null_absent_or_a_fault(void **state)
{
    struct cell cells[N_CELLS];

    (void)state;
    without(cells, 1u << TITLE | 1u << NOTE);
    check(nodes_nullable, cells, "{\"id\":5,\"title\":null,\"location\":{\"lon\":1,\"address\":\"a\"}}");
    without(cells, 1u << ID);
    check(nodes_nullable, cells, NULL);
    without(cells, 1u << LON);
    check(nodes_nullable, cells, NULL); /* half an object */
    without(cells, 1u << ADDRESS);
    check(nodes_nullable, cells, "{\"id\":5,\"title\":\"t\",\"note\":\"n\",\"location\":{\"lon\":1,\"address\":null}}");
}

static void an_object_of_nothing(void **state)
{
    struct cell cells[N_CELLS];

    (void)state;
    without(cells, 1u << LON | 1u << ADDRESS);
    check(nodes_nullable, cells, "{\"id\":5,\"title\":\"t\",\"note\":\"n\",\"location\":null}");
    check(nodes_optional, cells, "{\"id\":5,\"title\":\"t\",\"note\":\"n\"}");
    check(nodes_required, cells, NULL);
}

/* A statement prepared anew, over a table that has changed. */
static void other_types_than_at_start_are_refused(void **state)
{
    const struct encoder encoder = {.nodes = nodes_nullable, .n_nodes = 4, .n_slots = 5};
    const struct operation operation = {.id = "things.read", .encoder = &encoder};
    struct cell cells[N_CELLS];
    PGresult *before = pg_row(full, N_CELLS, 0), *after;
    struct buffer out = {0};
    struct binding *binding;
    char *text;

    (void)state;
    memcpy(cells, full, sizeof(full));
    cells[TITLE].type = PG_INT4;
    after = pg_row(cells, N_CELLS, 1);
    assert_int_equal(binding_new(&operation, before, &binding, &text), 0);
    assert_int_equal(encode_row(binding, after, 0, &nothing, &out), -EINVAL);
    buffer_free(&out);
    binding_free(binding);
    PQclear(before);
    PQclear(after);
}

static int bind_one(const struct schema *schema, uint32_t type, const char *name, char **ret_text)
{
    const struct encode_node node = {.name = "x", .kind = ENCODE_COLUMN, .column = "x", .schema = schema};
    const struct encoder encoder = {.nodes = &node, .n_nodes = 1, .n_slots = 1};
    const struct operation operation = {.id = "things.read", .encoder = &encoder};
    const struct cell cell = {.name = name, .type = type};
    PGresult *result = pg_row(&cell, 1, 0);
    struct binding *binding = NULL;
    int r = binding_new(&operation, result, &binding, ret_text);

    binding_free(binding);
    PQclear(result);
    return r;
}

static void types_fit_their_schemas(void **state)
{
    static const struct {
        const struct schema *schema;
        uint32_t type;
        bool fits;
    } cases[] = {
        {&string, PG_TEXT, true},
        {&string, PG_UUID, true},
        {&string, PG_INT4, false},
        {&string, PG_JSONB, false},
        {&uuid, PG_UUID, true},
        {&uuid, PG_TEXT, false},
        {&instant, PG_TIMESTAMPTZ, true},
        {&instant, PG_DATE, false},
        {&instant, PG_TEXT, false},
        {&integer, PG_INT2, true},
        {&integer, PG_INT8, true},
        {&integer, PG_FLOAT8, false},
        {&number, PG_FLOAT8, true},
        {&number, PG_INT4, true},
        {&number, PG_TEXT, false},
        {&strings, PG_TEXT_ARRAY, true},
        {&strings, PG_JSONB, true},
        {&strings, PG_INT4_ARRAY, false},
        {&strings, PG_TEXT, false},
        {&uuids, PG_UUID_ARRAY, true},
        {&uuids, PG_TEXT_ARRAY, false},
        {&anything, PG_JSONB, true},
        {&anything, PG_JSON, true},
        {&anything, PG_TEXT, false},
        {&string, /* timestamp without zone */ 1114, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char *text = NULL;
        int r = bind_one(cases[i].schema, cases[i].type, "x", &text);

        if ((r == 0) != cases[i].fits)
            fail_msg("case %zu: %d %s", i, r, text != NULL ? text : "");
        free(text);
    }
}

static void complaints_name_operation_and_column(void **state)
{
    char *text = NULL;

    (void)state;
    assert_int_equal(bind_one(&string, PG_INT4, "x", &text), -EINVAL);
    assert_non_null(strstr(text, "things.read"));
    assert_non_null(strstr(text, "`x`"));
    free(text);
    assert_int_equal(bind_one(&string, PG_TEXT, "y", &text), -EINVAL);
    assert_non_null(strstr(text, "no column `x`"));
    free(text);
}

static void leftovers_and_wrong_steering_are_refused(void **state)
{
    static const struct cell leftover[] = {NULL_CELL("x", PG_TEXT), NULL_CELL("more", PG_TEXT)};
    static const struct cell steering[] = {NULL_CELL("x", PG_TEXT), NULL_CELL("_version", PG_TEXT)};
    static const struct encode_node node = {.name = "x", .kind = ENCODE_COLUMN, .column = "x", .schema = &string};
    static const struct encoder encoder = {.nodes = &node, .n_nodes = 1, .n_slots = 1};
    const struct operation operation = {.id = "things.read", .encoder = &encoder};
    const struct cell *const cases[] = {leftover, steering};
    const char *const words[] = {"`more`", "`_version`"};

    (void)state;
    for (int i = 0; i < 2; i++) {
        PGresult *result = pg_row(cases[i], 2, 0);
        struct binding *binding;
        char *text = NULL;

        assert_int_equal(binding_new(&operation, result, &binding, &text), -EINVAL);
        assert_non_null(strstr(text, words[i]));
        free(text);
        PQclear(result);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_row),
        cmocka_unit_test(null_is_null_absent_or_a_fault),
        cmocka_unit_test(an_object_of_nothing),
        cmocka_unit_test(other_types_than_at_start_are_refused),
        cmocka_unit_test(types_fit_their_schemas),
        cmocka_unit_test(complaints_name_operation_and_column),
        cmocka_unit_test(leftovers_and_wrong_steering_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
