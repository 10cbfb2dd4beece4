/* test_row.c — a row that came packed is the row that would have come in columns; one that is not what it says is none.
 */
#include "unit.h"

#include <errno.h>
#include <stdlib.h>

#include "pg_row.h"
#include "row.h"

enum { N = 4 };

static const struct cell cells[N] = {
    CELL("_code", PG_TEXT, "code"),
    NULL_CELL("title", PG_TEXT),
    CELL("note", PG_TEXT, ""),
    CELL("version", PG_INT8, "\0\0\0\0\0\0\0\5"),
};

static void check(const struct value *value, const struct cell *cell)
{
    assert_int_equal(value->type, cell->type);
    assert_int_equal(value->data != NULL, cell->data != NULL);
    assert_int_equal(value->size, cell->data != NULL ? cell->size : 0);
    if (cell->data != NULL)
        assert_memory_equal(value->data, cell->data, (size_t)cell->size);
    if (cell->data != NULL && cell->type == PG_TEXT)
        assert_int_equal(value->data[value->size], '\0');
}

static void check_row(PGresult *result)
{
    struct value values[N];

    assert_int_equal(row_read(result, 0, N, values), 0);
    for (int i = 0; i < N; i++) {
        struct value value = row_value(result, 0, i);

        check(&values[i], &cells[i]);
        check(&value, &cells[i]);
    }
    assert_null(row_value(result, 0, -1).data);
    assert_int_equal(row_read(result, 0, N - 1, values), -EINVAL);
    PQclear(result);
}

static void both_ways_are_read(void **state)
{
    (void)state;
    check_row(pg_row(cells, N, 1));
    check_row(pg_packed(cells, N));
}

static void a_row_of_a_type_with_a_name_is_packed_too(void **state)
{
    PGresult *packed = pg_packed(cells, N);

    (void)state;
    check_row(pg_packed_as(16384, PQgetvalue(packed, 0, 0), (size_t)PQgetlength(packed, 0, 0)));
    PQclear(packed);
}

/* Every beginning of a packed row, and the row with a byte too many. */
static void a_part_of_a_row_is_none(void **state)
{
    PGresult *whole = pg_packed(cells, N);
    size_t size = (size_t)PQgetlength(whole, 0, 0);
    char *bytes = calloc(size + 1, 1);
    struct value values[N];

    (void)state;
    memcpy(bytes, PQgetvalue(whole, 0, 0), size);
    for (size_t i = 0; i <= size + 1; i++) {
        PGresult *part = pg_packed_bytes(bytes, i);

        assert_int_equal(row_read(part, 0, N, values), i == size ? 0 : -EINVAL);
        if (i < size)
            assert_null(row_value(part, 0, N - 1).data);
        assert_null(row_value(part, 0, N).data);
        PQclear(part);
    }
    free(bytes);
    PQclear(whole);
}

/* Behind a text would stand a byte that is no NUL. */
static void a_type_of_somebodys_own_is_refused(void **state)
{
    struct cell own[N];
    struct value values[N];
    PGresult *result;

    (void)state;
    memcpy(own, cells, sizeof own);
    own[2].type = 0x01000000;
    result = pg_packed(own, N);
    assert_int_equal(row_read(result, 0, N, values), -EINVAL);
    assert_string_equal(row_value(result, 0, 0).data, "code");
    assert_null(row_value(result, 0, 2).data);
    PQclear(result);
}

static void more_columns_than_there_is_room_for_are_refused(void **state)
{
    char bytes[4 + 8 * (ROW_COLUMNS + 1)];
    uint32_t head[2] = {htobe32(PG_TEXT), UINT32_MAX}, n = htobe32(ROW_COLUMNS + 1);
    struct value values[ROW_COLUMNS + 1];
    PGresult *result;

    (void)state;
    memcpy(bytes, &n, sizeof n);
    for (int i = 0; i <= ROW_COLUMNS; i++)
        memcpy(bytes + sizeof n + (size_t)i * sizeof head, head, sizeof head);
    result = pg_packed_bytes(bytes, sizeof bytes);
    assert_int_equal(row_read(result, 0, ROW_COLUMNS + 1, values), -EINVAL);
    PQclear(result);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_ways_are_read),
        cmocka_unit_test(a_row_of_a_type_with_a_name_is_packed_too),
        cmocka_unit_test(a_part_of_a_row_is_none),
        cmocka_unit_test(a_type_of_somebodys_own_is_refused),
        cmocka_unit_test(more_columns_than_there_is_room_for_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
