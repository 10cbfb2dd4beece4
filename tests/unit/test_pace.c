/* test_pace.c — who listens reads as it likes beside a few writes, and seldom beside many. */
#include "unit.h"

#include "pace.h"

/* A turn in which writes are under way, after 2 ms. */
static int write_on(struct pace *pace, uint64_t *now_ms, uint64_t ms)
{
    int most = 1000;

    for (uint64_t i = 0; i < ms; i += 2)
        most = pace_turn(pace, *now_ms += 2, /* writing= */ true, 1000);
    return most;
}

static void test_no_pace_beside_a_few_writes(void **state)
{
    struct pace pace = {.n_running = 0};
    uint64_t now_ms = 1000;

    (void)state;
    pace_turn(&pace, now_ms, /* writing= */ false, 1000);
    for (unsigned i = 0; i < 20; i++) {
        assert_true(pace_lets(&pace, now_ms));
        pace_begin(&pace, PACE_WAITS, now_ms);
        assert_true(pace_lets(&pace, now_ms)); /* also beside another */
        pace_begin(&pace, PACE_STREAMS, now_ms);
        assert_int_equal(write_on(&pace, &now_ms, PACE_BUSY_MS - 2), 1000);
        pace_end(&pace, now_ms);
        pace_end(&pace, now_ms);
        pace_turn(&pace, now_ms, /* writing= */ false, 1000);
    }
}

static void test_one_at_a_time_and_a_rest(void **state)
{
    struct pace pace = {.n_running = 0};
    uint64_t now_ms = 1000;

    (void)state;
    pace_turn(&pace, now_ms, /* writing= */ false, 1000);
    write_on(&pace, &now_ms, PACE_BUSY_MS);
    assert_true(pace_lets(&pace, now_ms));
    pace_begin(&pace, PACE_WAITS, now_ms);
    assert_false(pace_lets(&pace, now_ms));
    write_on(&pace, &now_ms, 4);
    pace_end(&pace, now_ms);
    assert_int_equal(pace.last, PACE_WAITS);
    for (uint64_t left = 4 * PACE_REST; left > 2; left -= 2) {
        assert_false(pace_lets(&pace, now_ms));
        assert_int_equal(write_on(&pace, &now_ms, 2), left - 2);
    }
    write_on(&pace, &now_ms, 2);
    assert_true(pace_lets(&pace, now_ms));
}

/* Many began before it was busy: what they took together counts, once, and none begins beside them. */
static void test_a_bout_that_became_busy(void **state)
{
    struct pace pace = {.n_running = 0};
    uint64_t now_ms = 1000;

    (void)state;
    pace_turn(&pace, now_ms, /* writing= */ false, 1000);
    for (unsigned i = 0; i < 8; i++)
        pace_begin(&pace, PACE_STREAMS, now_ms);
    write_on(&pace, &now_ms, PACE_BUSY_MS);
    assert_false(pace_lets(&pace, now_ms));
    pace_turn(&pace, now_ms, /* writing= */ false, 1000);
    for (unsigned i = 0; i < 7; i++)
        pace_end(&pace, now_ms);
    assert_true(pace_lets(&pace, now_ms));
    pace_end(&pace, now_ms + 2);
    assert_false(pace_lets(&pace, now_ms + (PACE_BUSY_MS + 2) * PACE_REST + 1));
    assert_true(pace_lets(&pace, now_ms + (PACE_BUSY_MS + 2) * PACE_REST + 2));
}

static void test_a_rest_is_no_longer_than_a_second(void **state)
{
    struct pace pace = {.n_running = 0};
    uint64_t now_ms = 1000;

    (void)state;
    pace_turn(&pace, now_ms, /* writing= */ false, 1000);
    write_on(&pace, &now_ms, PACE_BUSY_MS);
    pace_begin(&pace, PACE_STREAMS, now_ms);
    write_on(&pace, &now_ms, 60000);
    pace_end(&pace, now_ms);
    assert_int_equal(pace_turn(&pace, now_ms, /* writing= */ true, 5000), PACE_REST_MS);
    assert_true(pace_lets(&pace, now_ms + PACE_REST_MS));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_pace_beside_a_few_writes),
        cmocka_unit_test(test_one_at_a_time_and_a_rest),
        cmocka_unit_test(test_a_bout_that_became_busy),
        cmocka_unit_test(test_a_rest_is_no_longer_than_a_second),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
