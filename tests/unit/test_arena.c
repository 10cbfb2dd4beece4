/* test_arena.c — what is taken from an arena is zeroed, aligned, its own, and bounded. */
#include "unit.h"

#include <stdalign.h>
#include <string.h>

#include "arena.h"

static void test_zeroed_and_aligned(void **state)
{
    struct arena *arena = arena_new(1 << 20);

    (void)state;
    for (size_t size = 1; size < 9000; size = size * 3 / 2 + 1) {
        unsigned char *memory = arena_alloc(arena, size);

        assert_non_null(memory);
        assert_int_equal((uintptr_t)memory % alignof(max_align_t), 0);
        for (size_t i = 0; i < size; i++)
            assert_int_equal(memory[i], 0);
        memset(memory, 0xff, size);
    }
    assert_null(arena_free(arena));
}

static void test_pieces_do_not_touch(void **state)
{
    enum { N = 500 };
    struct arena *arena = arena_new(1 << 22);
    unsigned char *pieces[N];

    (void)state;
    for (int i = 0; i < N; i++) {
        pieces[i] = arena_alloc(arena, (size_t)i * 7 + 1);
        assert_non_null(pieces[i]);
        memset(pieces[i], i & 255, (size_t)i * 7 + 1);
    }
    for (int i = 0; i < N; i++)
        for (int k = 0; k < i * 7 + 1; k++)
            assert_int_equal(pieces[i][k], i & 255);
    arena_free(arena);
}

static void test_limit_holds(void **state)
{
    struct arena *arena = arena_new(10000);

    (void)state;
    assert_non_null(arena_alloc(arena, 9000));
    assert_null(arena_alloc(arena, 9000));
    assert_null(arena_alloc(arena, SIZE_MAX));
    assert_null(arena_alloc(arena, SIZE_MAX - 8));
    /* A refusal takes nothing. */
    assert_non_null(arena_alloc(arena, 500));
    arena_free(arena);
}

static void test_texts(void **state)
{
    struct arena *arena = arena_new(100000);
    char long_text[5000];

    (void)state;
    assert_string_equal(arena_strdup(arena, "哨"), "哨");
    assert_string_equal(arena_strndup(arena, "whistle", 3), "whi");
    assert_string_equal(arena_strndup(arena, "", 0), "");
    assert_string_equal(arena_printf(arena, "%s-%d", "MS", 7), "MS-7");
    assert_memory_equal(arena_memdup(arena, "a\0b", 3), "a\0b", 3);
    memset(long_text, 'x', sizeof long_text - 1);
    long_text[sizeof long_text - 1] = '\0';
    assert_string_equal(arena_printf(arena, "%s", long_text), long_text);
    arena_free(arena);
}

/* Small pieces, blocks and big pieces behind them: all of it again and again, and what came before stays. */
static void test_rewind(void **state)
{
    struct arena *arena = arena_new(200000);
    char *kept = arena_strdup(arena, "kept");
    struct arena_mark mark;
    char *first = NULL;

    (void)state;
    for (int filled = 0; filled < 3; filled++) {
        mark = arena_mark(arena);
        for (int round = 0; round < 20; round++) {
            char *small = arena_strdup(arena, "small");

            assert_true(!round || small == first);
            first = small;
            for (int i = 0; i < 3; i++) {
                assert_non_null(arena_alloc(arena, 3000));
                assert_non_null(arena_alloc(arena, 20000));
            }
            arena_rewind(arena, &mark);
        }
        assert_string_equal(kept, "kept");
        assert_non_null(arena_alloc(arena, 30000)); /* the next mark lies in another block */
        assert_non_null(arena_alloc(arena, 3000));
    }
    arena_free(arena);
}

static void test_free_of_nothing(void **state)
{
    (void)state;
    assert_null(arena_free(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_zeroed_and_aligned),
        cmocka_unit_test(test_pieces_do_not_touch),
        cmocka_unit_test(test_limit_holds),
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_rewind),
        cmocka_unit_test(test_free_of_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
