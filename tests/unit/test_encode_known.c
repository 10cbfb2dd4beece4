/* test_encode_known.c — what a row says by keys and bits alone: names beside their keys, masked or not, and allowed
 * actions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>

#include "encode.h"
#include "names.h"
#include "offers.h"
#include "pg_row.h"
#include "row.h"

static const struct schema string = {.types = JSON_KIND_STRING};
static const struct schema strings = {.types = JSON_KIND_ARRAY, .items = &string};

#define TEXT_NODE(property, at, place)                                                                                 \
    {                                                                                                                  \
        .name = (property), .kind = ENCODE_COLUMN, .column = (at), .schema = &string, .required = true,                \
        .slot = (place)                                                                                                \
    }
#define NAME_NODE(at, of, place)                                                                                       \
    {                                                                                                                  \
        .name = "name", .kind = ENCODE_COLUMN, .column = (at), .schema = &string, .required = true, .slot = (place),   \
        .names = (of)                                                                                                  \
    }

static const struct encode_node grid[] = {
    TEXT_NODE("code", "grid__code", 0),
    NAME_NODE("grid__name", NAMES_AREA, 1),
};
static const struct encode_node party[] = {
    TEXT_NODE("kind", "by__kind", 2),
    TEXT_NODE("id", "by__id", 3),
    NAME_NODE("by__name", NAMES_PARTY, 4),
};
static const struct encode_node nodes[] = {
    {.name = "grid", .kind = ENCODE_OBJECT, .children = grid, .n_children = 2, .nullable = true, .required = true},
    {.name = "by", .kind = ENCODE_OBJECT, .children = party, .n_children = 3},
    TEXT_NODE("state", "state", 5),
    {.name = "allowed_actions",
     .kind = ENCODE_COLUMN,
     .column = "allowed_actions",
     .schema = &strings,
     .required = true,
     .slot = 6,
     .offers = "case"},
};
static const struct encoder encoder = {.nodes = nodes, .n_nodes = 4, .n_slots = 7};
static const struct operation operation = {.id = "things.read", .encoder = &encoder};

enum { GRID, KIND, ID, STATE, ACTIONS, EDITION, MASKED, N_CELLS };
static const struct cell usual[N_CELLS] = {
    [GRID] = CELL("grid__code", PG_TEXT, "01"),
    [KIND] = CELL("by__kind", PG_TEXT, "person"),
    [ID] = CELL("by__id", PG_TEXT, "7f"),
    [STATE] = CELL("state", PG_TEXT, "new"),
    [ACTIONS] = CELL("allowed_actions", PG_INT8, "\0\0\0\0\0\0\0\2"),
    [EDITION] = CELL("_names", PG_INT8, "\0\0\0\0\0\0\0\1"),
    [MASKED] = CELL("_masked", PG_BOOL, "\0"),
};

static struct names *known(void)
{
    static const char *const rows[][3] = {
        {"a", "01", "一网格"}, {"p", "7f", "王小明"}, {"o", "7f", "Water"}, {"r", "7f", "Steward"}};
    struct names *names = names_new();
    PGresult *result = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
    PGresAttDesc columns[3] = {{.name = (char *)"kind"}, {.name = (char *)"key"}, {.name = (char *)"name"}};

    PQsetResultAttrs(result, 3, columns);
    for (int i = 0; i < 4; i++)
        for (int j = 0; j < 3; j++)
            PQsetvalue(result, i, j, (char *)(uintptr_t)rows[i][j], (int)strlen(rows[i][j]));
    assert_int_equal(names_take(names, "one", 1, 0, result), 0);
    PQclear(result);
    return names;
}

static struct offers *offered(void)
{
    static const struct cell row[] = {
        CELL("machine", PG_TEXT, "case"),           CELL("state", PG_TEXT, "new"),
        CELL("action", PG_TEXT, "accept"),          CELL("bits", PG_INT8, "\0\0\0\0\0\0\0\2"),
        CELL("needs", PG_INT8, "\0\0\0\0\0\0\0\0"),
    };
    PGresult *result = pg_row(row, 5, 1);
    struct offers *offers = offers_new(result);

    PQclear(result);
    return offers;
}

static void check(const struct cell *cells, bool masked, bool keys_do, int expected_r, const char *expected)
{
    struct names *names = known();
    struct offers *offers = offered();
    PGresult *result = pg_row(cells, N_CELLS, 1);
    struct encoding encoding = {
        .offers = offers, .street = names_of(names, "one"), .masked = masked, .keys_do = keys_do};
    struct binding *binding = NULL;
    struct buffer out = {0};
    char *text = NULL;

    assert_int_equal(binding_new(&operation, result, &binding, &text), 0);
    assert_true(binding->has_names);
    assert_int_equal(encode_row(binding, result, 0, &encoding, &out), expected_r);
    buffer_add(&out, "", 1);
    if (expected != NULL)
        assert_string_equal(out.data, expected);
    buffer_free(&out);
    binding_free(binding);
    PQclear(result);
    offers_free(offers);
    names_free(names);
}

static void with(struct cell *ret_cells, int which, const char *text)
{
    memcpy(ret_cells, usual, sizeof usual);
    ret_cells[which].data = text;
    ret_cells[which].size = text != NULL ? (int)strlen(text) : 0;
}

static void names_stand_beside_their_keys(void **state)
{
    struct cell cells[N_CELLS];

    (void)state;
    check(usual, false, false, 0,
          "{\"grid\":{\"code\":\"01\",\"name\":\"一网格\"},\"by\":{\"kind\":\"person\",\"id\":\"7f\",\"name\":"
          "\"王小明\"},"
          "\"state\":\"new\",\"allowed_actions\":[\"accept\"]}");
    with(cells, KIND, "organisation");
    check(cells, false, false, 0,
          "{\"grid\":{\"code\":\"01\",\"name\":\"一网格\"},\"by\":{\"kind\":\"organisation\",\"id\":\"7f\",\"name\":"
          "\"Water\"},"
          "\"state\":\"new\",\"allowed_actions\":[\"accept\"]}");
    with(cells, GRID, NULL);
    check(cells, false, false, 0,
          "{\"grid\":null,\"by\":{\"kind\":\"person\",\"id\":\"7f\",\"name\":\"王小明\"},"
          "\"state\":\"new\",\"allowed_actions\":[\"accept\"]}");
}

/* A star for each character, not for each byte; and only people have faces to hide. */
static void people_are_masked_and_nobody_else(void **state)
{
    struct cell cells[N_CELLS];

    (void)state;
    check(
        usual, true, false, 0,
        "{\"grid\":{\"code\":\"01\",\"name\":\"一网格\"},\"by\":{\"kind\":\"person\",\"id\":\"7f\",\"name\":\"王**\"},"
        "\"state\":\"new\",\"allowed_actions\":[\"accept\"]}");
    with(cells, KIND, "role");
    check(
        cells, true, false, 0,
        "{\"grid\":{\"code\":\"01\",\"name\":\"一网格\"},\"by\":{\"kind\":\"role\",\"id\":\"7f\",\"name\":\"Steward\"},"
        "\"state\":\"new\",\"allowed_actions\":[\"accept\"]}");
}

static void a_key_without_a_name(void **state)
{
    struct cell cells[N_CELLS];

    (void)state;
    with(cells, GRID, "02");
    check(cells, false, false, -ENOKEY, NULL);
    check(cells, false, true, 0,
          "{\"grid\":{\"code\":\"02\",\"name\":\"02\"},\"by\":{\"kind\":\"person\",\"id\":\"7f\",\"name\":\"王小明\"},"
          "\"state\":\"new\",\"allowed_actions\":[\"accept\"]}");
}

/* A table shows what is there: a party may have its id and no kind. */
static void a_party_without_a_kind_has_no_name(void **state)
{
    struct names *names = known();
    struct encoding encoding = {.street = names_of(names, "one")};
    struct binding *binding = NULL;
    struct value values[N_CELLS];
    struct cell cells[N_CELLS];
    struct buffer out = {0};
    char *text = NULL;
    PGresult *result;

    (void)state;
    with(cells, KIND, NULL);
    result = pg_row(cells, N_CELLS, 1);
    assert_int_equal(binding_new(&operation, result, &binding, &text), 0);
    assert_int_equal(row_read(result, 0, N_CELLS, values), 0);
    assert_int_equal(encode_name(binding, values, &party[2], &encoding, &out), -ENOKEY);
    assert_int_equal(out.size, 0);
    binding_free(binding);
    PQclear(result);
    names_free(names);
}

/* A statement may say them itself; then nothing is looked up. */
static void a_statement_with_names_of_its_own(void **state)
{
    static const struct encode_node own[] = {
        {.name = "grid", .kind = ENCODE_OBJECT, .children = grid, .n_children = 2, .required = true},
    };
    static const struct encoder plain = {.nodes = own, .n_nodes = 1, .n_slots = 2};
    static const struct operation other = {.id = "things.named", .encoder = &plain};
    static const struct cell cells[] = {CELL("grid__code", PG_TEXT, "01"), CELL("grid__name", PG_TEXT, "x")};
    PGresult *result = pg_row(cells, 2, 1);
    struct encoding encoding = {0};
    struct binding *binding = NULL;
    struct buffer out = {0};
    char *text = NULL;

    (void)state;
    assert_int_equal(binding_new(&other, result, &binding, &text), 0);
    assert_false(binding->has_names);
    assert_int_equal(encode_row(binding, result, 0, &encoding, &out), 0);
    buffer_add(&out, "", 1);
    assert_string_equal(out.data, "{\"grid\":{\"code\":\"01\",\"name\":\"x\"}}");
    buffer_free(&out);
    binding_free(binding);
    PQclear(result);
}

static void a_name_needs_its_key_and_bits_their_state(void **state)
{
    static const struct encode_node alone[] = {NAME_NODE("name", NAMES_AREA, 0)};
    static const struct encode_node stateless[] = {
        {.name = "allowed_actions",
         .kind = ENCODE_COLUMN,
         .column = "allowed_actions",
         .schema = &strings,
         .offers = "case"},
    };
    static const struct encoder encoders[] = {{.nodes = alone, .n_nodes = 1, .n_slots = 1},
                                              {.nodes = stateless, .n_nodes = 1, .n_slots = 1}};
    static const char *const words[] = {"nor a key beside it", "no column `state` beside it"};
    PGresult *result = pg_row(&usual[ACTIONS], 1, 0);

    (void)state;
    for (int i = 0; i < 2; i++) {
        const struct operation wrong = {.id = "things.read", .encoder = &encoders[i]};
        struct binding *binding = NULL;
        char *text = NULL;

        assert_int_equal(binding_new(&wrong, result, &binding, &text), -EINVAL);
        assert_non_null(strstr(text, words[i]));
        free(text);
    }
    PQclear(result);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_stand_beside_their_keys),
        cmocka_unit_test(people_are_masked_and_nobody_else),
        cmocka_unit_test(a_key_without_a_name),
        cmocka_unit_test(a_party_without_a_kind_has_no_name),
        cmocka_unit_test(a_statement_with_names_of_its_own),
        cmocka_unit_test(a_name_needs_its_key_and_bits_their_state),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
