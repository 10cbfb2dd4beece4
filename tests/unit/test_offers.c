/* test_offers.c — bits become the actions that a machine offers in a state: any of a row's bits, and all that it needs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "encode_value.h"
#include "offers.h"
#include "pg_row.h"

enum { GRID = 1, STREET = 2, OWN = 4 };

struct row {
    const char *machine, *state, *action;
    int64_t bits, needs;
};

/* In the statement's order. */
static const struct row rows[] = {
    {"case", "closed", "reopen", GRID | STREET, OWN},
    {"case", "new", "accept", GRID | STREET, 0},
    {"case", "new", "withdraw", OWN, 0},
    {"ticket", "new", "accept", STREET, 0},
};

static PGresult *answered(void)
{
    static const struct {
        const char *name;
        uint32_t type;
    } names[] = {{"machine", PG_TEXT}, {"state", PG_TEXT}, {"action", PG_TEXT}, {"bits", PG_INT8}, {"needs", PG_INT8}};
    PGresult *result = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
    PGresAttDesc columns[5] = {0};

    for (int i = 0; i < 5; i++)
        columns[i] = (PGresAttDesc){.name = (char *)(uintptr_t)names[i].name, .format = 1, .typid = names[i].type};
    PQsetResultAttrs(result, 5, columns);
    for (int i = 0; i < (int)(sizeof rows / sizeof rows[0]); i++) {
        const char *const texts[] = {rows[i].machine, rows[i].state, rows[i].action};
        uint64_t numbers[] = {htobe64((uint64_t)rows[i].bits), htobe64((uint64_t)rows[i].needs)};

        for (int j = 0; j < 3; j++)
            PQsetvalue(result, i, j, (char *)(uintptr_t)texts[j], (int)strlen(texts[j]));
        for (int j = 0; j < 2; j++)
            PQsetvalue(result, i, 3 + j, (char *)&numbers[j], (int)sizeof numbers[j]);
    }
    return result;
}

static void offers(const char *machine, const char *state, int64_t bits, const char *expected)
{
    PGresult *result = answered();
    struct offers *read = offers_new(result);
    struct buffer out = {0};

    PQclear(result); /* what was read stands by itself */
    assert_non_null(read);
    offers_write(read, machine, state, bits, &out);
    buffer_add(&out, "", 1);
    assert_string_equal(out.data, expected);
    buffer_free(&out);
    offers_free(read);
}

static void a_state_offers_its_own(void **state)
{
    (void)state;
    offers("case", "new", GRID, "[\"accept\"]");
    offers("case", "new", GRID | OWN, "[\"accept\",\"withdraw\"]");
    offers("ticket", "new", STREET | OWN, "[\"accept\"]");
}

static void all_that_is_needed_must_be_there(void **state)
{
    (void)state;
    offers("case", "closed", GRID, "[]");
    offers("case", "closed", OWN, "[]");
    offers("case", "closed", GRID | OWN, "[\"reopen\"]");
}

static void nobody_and_nowhere_have_none(void **state)
{
    (void)state;
    offers("case", "new", 0, "[]");
    offers("case", "handling", ~0, "[]");
    offers("ticket", "closed", ~0, "[]");
    offers("zebra", "new", ~0, "[]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_state_offers_its_own),
        cmocka_unit_test(all_that_is_needed_must_be_there),
        cmocka_unit_test(nobody_and_nowhere_have_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
