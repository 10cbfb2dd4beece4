/* test_names.c — the names of streets: found by kind and key, kept per street, replaced by the next edition. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "encode_value.h"
#include "names.h"
#include "pg_row.h"

enum { N_AREAS = 200 };

static PGresult *answered(const char *const (*rows)[3], int n)
{
    PGresult *result = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
    PGresAttDesc columns[] = {
        {.name = (char *)"kind", .format = 1, .typid = PG_TEXT},
        {.name = (char *)"key", .format = 1, .typid = PG_TEXT},
        {.name = (char *)"name", .format = 1, .typid = PG_TEXT},
    };

    PQsetResultAttrs(result, 3, columns);
    for (int i = 0; i < n; i++)
        for (int j = 0; j < 3; j++)
            PQsetvalue(result, i, j, (char *)(uintptr_t)rows[i][j], (int)strlen(rows[i][j]));
    return result;
}

static void take(struct names *names, const char *tenant, int64_t edition, const char *const (*rows)[3], int n)
{
    PGresult *result = answered(rows, n);

    assert_int_equal(names_take(names, tenant, edition, 7, result), 0);
    PQclear(result);
}

static void is_called(const struct names *names, const char *tenant, char kind, const char *key, const char *name)
{
    const char *found = street_name(names_of(names, tenant), kind, key, strlen(key));

    if (name == NULL)
        assert_null(found);
    else
        assert_string_equal(found, name);
}

static void a_key_is_of_one_kind_and_one_street(void **state)
{
    static const char *const one[][3] = {{"c", "sewage", "污水"}, {"a", "sewage", "A grid"}, {"o", "", "No code"}};
    static const char *const other[][3] = {{"c", "sewage", "Sewage"}};
    struct names *names = names_new();

    (void)state;
    assert_null(names_of(names, "one"));
    take(names, "one", 1, one, 3);
    take(names, "other", 1, other, 1);
    is_called(names, "one", 'c', "sewage", "污水");
    is_called(names, "one", 'a', "sewage", "A grid");
    is_called(names, "one", 'o', "sewage", NULL);
    is_called(names, "one", 'o', "", "No code");
    is_called(names, "one", 'c', "sewag", NULL);
    is_called(names, "one", 'c', "sewages", NULL);
    is_called(names, "other", 'c', "sewage", "Sewage");
    is_called(names, "other", 'a', "sewage", NULL);
    names_free(names);
}

static void the_next_edition_takes_the_place_of_the_last(void **state)
{
    static const char *const before[][3] = {{"a", "01", "Before"}, {"a", "02", "Gone"}};
    static const char *const after[][3] = {{"a", "01", "After"}};
    struct names *names = names_new();

    (void)state;
    take(names, "one", 1, before, 2);
    take(names, "other", 5, before, 2);
    take(names, "one", 2, after, 1);
    assert_int_equal(street_edition(names_of(names, "one")), 2);
    assert_int_equal(street_learnt_ms(names_of(names, "one")), 7);
    is_called(names, "one", 'a', "01", "After");
    is_called(names, "one", 'a', "02", NULL);
    assert_int_equal(street_edition(names_of(names, "other")), 5);
    is_called(names, "other", 'a', "02", "Gone");
    names_free(names);
}

/* More than the table's least size, so that it grows and keys collide. */
static void many_keys(void **state)
{
    static char keys[N_AREAS][8], called[N_AREAS][16];
    static const char *filled[N_AREAS][3];
    const char *const(*rows)[3] = (const char *const(*)[3])filled;
    struct names *names = names_new();

    (void)state;
    for (int i = 0; i < N_AREAS; i++) {
        snprintf(keys[i], sizeof keys[i], "%d", i);
        snprintf(called[i], sizeof called[i], "area %d", i);
        filled[i][0] = "a";
        filled[i][1] = keys[i];
        filled[i][2] = called[i];
    }
    take(names, "one", 1, rows, N_AREAS);
    for (int i = 0; i < N_AREAS; i++)
        is_called(names, "one", 'a', keys[i], called[i]);
    is_called(names, "one", 'a', "200", NULL);
    names_free(names);
}

static void a_street_without_names(void **state)
{
    struct names *names = names_new();

    (void)state;
    take(names, "empty", 1, NULL, 0);
    is_called(names, "empty", 'a', "01", NULL);
    names_free(names);
    assert_null(names_free(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_is_of_one_kind_and_one_street),
        cmocka_unit_test(the_next_edition_takes_the_place_of_the_last),
        cmocka_unit_test(many_keys),
        cmocka_unit_test(a_street_without_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
