/* test_encode_xml.c — a row becomes an element by the compiled schema: escapes, NULLs, lists by their items' names. */
#include "unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "encode_value.h"
#include "encode_xml.h"
#include "pg_row.h"

static const struct schema string = {.types = JSON_KIND_STRING | JSON_KIND_NULL};
static const struct schema integer = {.types = JSON_KIND_INTEGER};
static const struct schema flag = {.types = JSON_KIND_BOOLEAN};
static const struct schema anything = {.types = JSON_KIND_ARRAY, .free_form = true};

static const struct xml_element value_members[] = {{.name = "key"}, {.name = "name"}};
static const struct xml_element value = {.name = "value", .members = value_members, .n_members = 2};
static const struct xml_element members[] = {{.name = "code"}, {.name = "values", .item = &value}};
static const struct xml_element attribute = {.name = "attribute", .members = members, .n_members = 2};
static const struct xml_element attributes = {.name = "attributes", .item = &attribute};

static const struct encode_node inner[] = {
    {.name = "flag", .kind = ENCODE_COLUMN, .column = "inner__flag", .schema = &flag, .required = true, .slot = 2},
};
static const struct encode_node nodes[] = {
    {.name = "id", .kind = ENCODE_COLUMN, .column = "id", .schema = &integer, .required = true, .slot = 0},
    {.name = "text",
     .kind = ENCODE_COLUMN,
     .column = "text",
     .schema = &string,
     .required = true,
     .nullable = true,
     .slot = 1},
    {.name = "inner", .kind = ENCODE_OBJECT, .children = inner, .n_children = 1},
    {.name = "attributes",
     .kind = ENCODE_COLUMN,
     .column = "attributes",
     .schema = &anything,
     .element = &attributes,
     .slot = 3},
};

enum { ID, TEXT, FLAG, ATTRIBUTES, N_CELLS };

static const struct cell plain[N_CELLS] = {
    [ID] = CELL("id", PG_INT8, "\0\0\0\0\0\0\0\5"),
    [TEXT] = CELL("text", PG_TEXT, "a"),
    [FLAG] = NULL_CELL("inner__flag", PG_BOOL),
    [ATTRIBUTES] = NULL_CELL("attributes", PG_JSON),
};

static void check(const struct cell *cells, const char *expected)
{
    const struct encoder encoder = {.nodes = nodes, .n_nodes = 4, .n_slots = 4};
    const struct operation operation = {.id = "things.read", .encoder = &encoder};
    const struct encoding encoding = {.zone = NULL};
    PGresult *result = pg_row(cells, N_CELLS, 1);
    struct buffer out = {0};
    struct binding *binding = NULL;
    char *text;
    int r;

    assert_int_equal(binding_new(&operation, result, &binding, &text), 0);
    r = encode_xml_row(binding, result, 0, &encoding, "thing", &out);
    buffer_add(&out, "", 1);
    assert_int_equal(r, expected ? 0 : -EINVAL);
    if (expected)
        assert_string_equal(out.data, expected);
    binding_free(binding);
    PQclear(result);
    buffer_free(&out);
}

static void test_row(void **state)
{
    struct cell cells[N_CELLS];

    (void)state;
    memcpy(cells, plain, sizeof cells);
    check(cells, "<thing><id>5</id><text>a</text></thing>");
    cells[TEXT] = (struct cell)NULL_CELL("text", PG_TEXT);
    cells[FLAG] = (struct cell)CELL("inner__flag", PG_BOOL, "\1");
    check(cells, "<thing><id>5</id><text/><inner><flag>true</flag></inner></thing>");
    cells[ID] = (struct cell)NULL_CELL("id", PG_INT8);
    check(cells, NULL);
}

static void test_lists(void **state)
{
    struct cell cells[N_CELLS];

    (void)state;
    memcpy(cells, plain, sizeof cells);
    cells[ATTRIBUTES] =
        (struct cell)CELL("attributes", PG_JSON,
                          "[{\"code\": \"<a>\", \"values\": [{\"key\": \"1\", \"name\": null}]}, {\"code\": 2.5}]");
    check(
        cells,
        "<thing><id>5</id><text>a</text><attributes><attribute><code>&lt;a&gt;</code><values><value><key>1</key><name/>"
        "</value></values></attribute><attribute><code>2.5</code></attribute></attributes></thing>");
    cells[ATTRIBUTES] = (struct cell)CELL("attributes", PG_JSON, "[]");
    check(cells, "<thing><id>5</id><text>a</text><attributes></attributes></thing>");
    /* A list that the contract gives no name for its items, and a key that is no name, are nobody's XML. */
    cells[ATTRIBUTES] = (struct cell)CELL("attributes", PG_JSON, "[{\"code\": [1]}]");
    check(cells, NULL);
    cells[ATTRIBUTES] = (struct cell)CELL("attributes", PG_JSON, "[{\"a b\": 1}]");
    check(cells, NULL);
    cells[ATTRIBUTES] = (struct cell)CELL("attributes", PG_JSON, "[{\"1\": 1}]");
    check(cells, NULL);
}

static void check_text(const char *text, size_t size, const char *expected)
{
    struct buffer out = {0};

    buffer_add_xml_text(&out, text, size);
    buffer_add(&out, "", 1);
    assert_string_equal(out.data, expected);
    buffer_free(&out);
}

static void test_text(void **state)
{
    (void)state;
    check_text("", 0, "");
    check_text("a<b>&\"'c", 8, "a&lt;b&gt;&amp;&quot;'c");
    check_text("]]>", 3, "]]&gt;");
    check_text("\xe5\x9d\x91 \xf0\x9f\x95\xb3", 8, "\xe5\x9d\x91 \xf0\x9f\x95\xb3");
    check_text("\t\n\r", 3, "\t\n&#13;");
    check_text("a\0b\x1f", 4,
               "a\xef\xbf\xbd"
               "b\xef\xbf\xbd");
    check_text("\xef\xbf\xbf\xef\xbf\xbe\xef\xbf\xbd", 9, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_row),
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
