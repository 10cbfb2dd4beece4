/* test_cursor.c — a cursor opens where it was made, and nowhere else. */
#include "unit.h"

#include <string.h>

#include "arena.h"
#include "cursor.h"
#include "service.h"

static const unsigned char key[CURSOR_KEY_SIZE] = "0123456789abcdef0123456789abcde";
static const char *const names[] = {"status", "limit", "level"};
static const char *const values[] = {"open", "20", "major"};

static struct cursor_scope scope_of(const char *operation, const char *tenant, const char *subject)
{
    return (struct cursor_scope){.key = key,
                                 .operation = operation,
                                 .tenant = tenant,
                                 .subject = subject,
                                 .names = names,
                                 .values = values,
                                 .n = 3};
}

static int setup(void **state)
{
    *state = arena_new(1 << 20);
    return *state ? 0 : -1;
}

static int teardown(void **state)
{
    arena_free(*state);
    return 0;
}

static void test_round_trip(void **state)
{
    static const char *const payloads[] = {"", "1", "2024-11-23|0193", "街道,42", "a\"b\\c"};
    struct cursor_scope scope = scope_of("cases.list", "maoshan", "grid-1");

    for (size_t i = 0; i < sizeof payloads / sizeof *payloads; i++) {
        const char *cursor = cursor_seal(*state, &scope, payloads[i]);

        assert_non_null(cursor);
        assert_int_equal(strspn(cursor, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"),
                         strlen(cursor));
        assert_string_equal(cursor_open(*state, &scope, cursor), payloads[i]);
    }
}

static void test_only_in_its_scope(void **state)
{
    struct cursor_scope scope = scope_of("cases.list", "maoshan", "grid-1");
    const char *cursor = cursor_seal(*state, &scope, "42");
    struct cursor_scope others[] = {
        scope_of("tickets.list", "maoshan", "grid-1"), scope_of("cases.list", "other", "grid-1"),
        scope_of("cases.list", "maoshan", "grid-2"),   scope_of("cases.list", "maoshangrid-1", ""),
        scope_of("cases.list", "maoshan", "grid-1"),   scope_of("cases.list", "maoshan", "grid-1"),
    };
    static const char *const other_values[] = {"closed", "20", "major"};
    static const unsigned char other_key[CURSOR_KEY_SIZE] = {1};

    others[4].values = other_values;
    others[5].key = other_key;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_null(cursor_open(*state, &others[i], cursor));
}

static void test_order_and_page_size_do_not_count(void **state)
{
    static const char *const turned[] = {"level", "cursor", "status", "limit", "count"};
    static const char *const turned_values[] = {"major", "x", "open", "50", "exact"};
    struct cursor_scope scope = scope_of("cases.list", "maoshan", "grid-1");
    const char *cursor = cursor_seal(*state, &scope, "42");

    scope.names = turned;
    scope.values = turned_values;
    scope.n = 5;
    assert_string_equal(cursor_open(*state, &scope, cursor), "42");
    /* A filter given twice is not the same filter once. */
    scope.n = 3;
    assert_string_equal(cursor_open(*state, &scope, cursor), "42");
    scope.n = 1;
    assert_null(cursor_open(*state, &scope, cursor));
}

static void test_every_changed_character(void **state)
{
    struct cursor_scope scope = scope_of("cases.list", "maoshan", "grid-1");
    const char *cursor = cursor_seal(*state, &scope, "2024|7");
    size_t size = strlen(cursor);

    for (size_t i = 0; i < size; i++) {
        char *changed = arena_strdup(*state, cursor);

        changed[i] = changed[i] == 'A' ? 'B' : 'A';
        assert_null(cursor_open(*state, &scope, changed));
        assert_null(cursor_open(*state, &scope, arena_strndup(*state, cursor, i)));
    }
    assert_null(cursor_open(*state, &scope, arena_printf(*state, "%sA", cursor)));
    assert_null(cursor_open(*state, &scope, arena_printf(*state, "%s=", cursor)));
}

static void test_nonsense(void **state)
{
    struct cursor_scope scope = scope_of("cases.list", "maoshan", "grid-1");
    char *long_text = arena_alloc(*state, 5001);

    memset(long_text, 'A', 5000);
    assert_null(cursor_open(*state, &scope, long_text));
    assert_null(cursor_open(*state, &scope, ""));
    assert_null(cursor_open(*state, &scope, "äöü"));
    assert_null(cursor_open(*state, &scope, "AAAAAAAAAAAAAAAAAAAAAA"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_round_trip, setup, teardown),
        cmocka_unit_test_setup_teardown(test_only_in_its_scope, setup, teardown),
        cmocka_unit_test_setup_teardown(test_order_and_page_size_do_not_count, setup, teardown),
        cmocka_unit_test_setup_teardown(test_every_changed_character, setup, teardown),
        cmocka_unit_test_setup_teardown(test_nonsense, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
