/* test_wait.c — who hangs under which key, who is woken, and who is let go when. */
#include "unit.h"

#include <string.h>
#include <time.h>

#include "arena.h"
#include "wait.h"
#include "worker.h"

enum { N = 41, RUNNING = 32 }; /* wait.c: MAX_RUNNING */

static struct worker worker;
static struct hooks *hooks;
static struct request requests[N];
static struct actor actors[N];
static unsigned again[N], over[N];
static bool answers_at_once;
static const struct operation operation = {.id = "tickets.list"};

static size_t place_of(const struct request *request)
{
    return (size_t)(request - requests);
}

static void run_again(struct request *request)
{
    again[place_of(request)]++;
    if (answers_at_once)
        wait_leave(request);
}

static void run_over(struct request *request)
{
    over[place_of(request)]++;
    wait_leave(request);
}

static PGresult *keys_of(const char *const *keys, int n)
{
    PGresAttDesc column = {.name = (char *)(uintptr_t) "key"};
    PGresult *result = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);

    assert_true(PQsetResultAttrs(result, 1, &column));
    for (int i = 0; i < n; i++)
        assert_true(PQsetvalue(result, i, 0, (char *)(uintptr_t)keys[i], (int)strlen(keys[i])));
    return result;
}

static void make(size_t place, const char *tenant, const char *subject)
{
    actors[place] = (struct actor){.tenant = tenant, .subject = subject, .expires_at = (int64_t)time(NULL) + 3600};
    requests[place].worker = &worker;
    requests[place].operation = &operation;
    requests[place].actor = &actors[place];
    requests[place].wait_s = (unsigned)(10 * (place + 1));
}

static bool enter(size_t place, const char *tenant, const char *const *keys, int n)
{
    PGresult *result = keys_of(keys, n);
    bool entered;

    make(place, tenant, "city");
    entered = wait_register(&requests[place], result);
    PQclear(result);
    return entered;
}

static int setup(void **state)
{
    (void)state;
    memset(again, 0, sizeof again);
    memset(over, 0, sizeof over);
    answers_at_once = false;
    worker.now_ms = 1000;
    worker.pace = (struct pace){.quiet_ms = 1000};
    hooks = hooks_new();
    worker.waiters = waiters_new(hooks, N - 1, run_again, run_over);
    for (size_t i = 0; i < N; i++)
        requests[i] = (struct request){.arena = arena_new(1 << 20)};
    return hooks && worker.waiters ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    for (size_t i = 0; i < N; i++) {
        wait_leave(&requests[i]);
        arena_free(requests[i].arena);
    }
    assert_int_equal(waiters_count(worker.waiters), 0);
    worker.waiters = waiters_free(worker.waiters);
    hooks = hooks_free(hooks);
    return 0;
}

/* A notification, and the turn that follows it. */
static void tell(const char *tenant, const char *keys)
{
    hooks_wake(hooks, tenant, keys);
    waiters_run(worker.waiters, worker.now_ms);
}

/* The turn `ms` from now. */
static void turn(uint64_t ms)
{
    worker.now_ms += ms;
    waiters_tick(worker.waiters, worker.now_ms, 1000);
    waiters_run(worker.waiters, worker.now_ms);
}

static const char *const urban[] = {"o:urban"};
static const char *const grids[] = {"g:XF-01", "g:XF-02", "g:none"};

static void test_woken_by_own_key_only(void **state)
{
    (void)state;
    assert_true(enter(0, "maoshan", urban, 1));
    assert_true(enter(1, "maoshan", grids, 3));
    assert_true(enter(2, "other", urban, 1));
    for (size_t i = 0; i < 3; i++)
        assert_true(wait_hang(&requests[i]));

    tell("maoshan", "o:urban,g:CA-01");
    assert_int_equal(again[0], 1);
    assert_int_equal(again[1] + again[2], 0);
    /* A key is not its beginning, nor its continuation. */
    tell("maoshan", "g:XF-0,g:XF-011,,o:urba");
    assert_int_equal(again[1], 0);
    /* Two keys of one waiter: one run; and what comes while it runs is owed. */
    tell("maoshan", "g:XF-01,g:XF-02");
    assert_int_equal(again[1], 1);
    tell("maoshan", "g:XF-02");
    assert_true(wait_hang(&requests[1]));
    turn(WAIT_REST_MS);
    assert_int_equal(again[1], 2);
    assert_true(wait_hang(&requests[1]));
    turn(WAIT_REST_MS);
    assert_int_equal(again[1], 2);
}

/* News after news that is not for it: one look for all of a moment, and none when nothing came. */
static void test_rests_between_two_looks(void **state)
{
    (void)state;
    assert_true(enter(0, "maoshan", urban, 1));
    assert_true(wait_hang(&requests[0]));
    tell("maoshan", "o:urban");
    assert_int_equal(again[0], 1);
    assert_true(wait_hang(&requests[0]));
    assert_int_equal(waiters_tick(worker.waiters, worker.now_ms, 1000), WAIT_REST_MS);
    for (int i = 0; i < 9; i++) {
        tell("maoshan", "o:urban");
        turn(WAIT_REST_MS / 10);
        assert_int_equal(again[0], 1);
    }
    turn(WAIT_REST_MS / 10);
    assert_int_equal(again[0], 2);
    assert_true(wait_hang(&requests[0]));
    turn(WAIT_REST_MS);
    assert_int_equal(again[0], 2);
    tell("maoshan", "o:urban");
    assert_int_equal(again[0], 3); /* rested: at once */
    assert_true(wait_hang(&requests[0]));
    waiters_end_all(worker.waiters);
    assert_int_equal(over[0], 1);
}

static void test_who_comes_back_too_soon(void **state)
{
    (void)state;
    make(0, "maoshan", "city");
    make(1, "maoshan", "water");
    make(2, "other", "city");
    assert_false(wait_park(&requests[0]));
    wait_seen(&requests[0]);
    turn(WAIT_REST_MS / 2);
    assert_false(wait_park(&requests[1]));
    assert_false(wait_park(&requests[2]));
    assert_true(wait_park(&requests[0]));
    assert_int_equal(waiters_count(worker.waiters), 1);
    hooks_wake(hooks, NULL, NULL); /* it hangs nowhere */
    turn(WAIT_REST_MS / 2 - 1);
    assert_int_equal(again[0], 0);
    turn(1);
    assert_int_equal(again[0], 1);
    assert_true(wait_unpark(&requests[0]));
    assert_false(wait_over(&requests[0]));
    wait_leave(&requests[0]);
    assert_false(wait_park(&requests[0]));
    /* What it waited is part of what it asked for: 10 s. */
    assert_true(enter(0, "maoshan", urban, 1));
    assert_true(wait_hang(&requests[0]));
    turn(10000 - 150 - WAIT_REST_MS / 2 - 1);
    assert_int_equal(over[0], 0);
    turn(1);
    assert_int_equal(over[0], 1);
}

/* While others write without a pause: one at a time, with a rest between, and who comes back meanwhile waits its turn.
 */
static void test_gives_way_to_writers(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        assert_true(enter(i, "maoshan", urban, 1));
        assert_true(wait_hang(&requests[i]));
    }
    worker.now_ms += PACE_BUSY_MS;
    pace_turn(&worker.pace, worker.now_ms, /* writing= */ true, 1000);
    tell("maoshan", "o:urban");
    assert_int_equal(again[0] + again[1], 1);
    make(2, "maoshan", "water");
    assert_true(wait_park(&requests[2]));
    worker.now_ms += 2;
    answers_at_once = true;
    wait_leave(&requests[again[1]]);
    turn(2 * PACE_REST - 1);
    assert_int_equal(again[0] + again[1], 1);
    turn(1);
    assert_int_equal(again[0] + again[1], 2); /* it has the longer wait */
    turn(1);
    assert_int_equal(again[2], 1);
}

/* One that was shown something before the others looked in vain looks before them. */
static void test_rests_end_in_their_order(void **state)
{
    (void)state;
    make(0, "maoshan", "water");
    wait_seen(&requests[0]);
    turn(WAIT_REST_MS / 2);
    assert_true(enter(1, "maoshan", urban, 1));
    assert_true(wait_hang(&requests[1]));
    tell("maoshan", "o:urban");
    assert_true(wait_hang(&requests[1]));
    assert_true(wait_park(&requests[0]));
    assert_int_equal(waiters_tick(worker.waiters, worker.now_ms, 1000), WAIT_REST_MS / 2);
    tell("maoshan", "o:urban");
    turn(WAIT_REST_MS / 2);
    assert_int_equal(again[0], 1);
    assert_int_equal(again[1], 1);
    turn(WAIT_REST_MS / 2);
    assert_int_equal(again[1], 2);
}

/* The instance ends, or the client went away: there is no answer yet, so it looks, and does not hang. */
static void test_ends_before_it_has_looked(void **state)
{
    (void)state;
    make(0, "maoshan", "city");
    wait_seen(&requests[0]);
    assert_true(wait_park(&requests[0]));
    waiters_end_all(worker.waiters);
    assert_int_equal(over[0], 0);
    assert_int_equal(again[0], 1);
    assert_true(wait_unpark(&requests[0]));
    assert_true(wait_over(&requests[0]));
}

static void test_news_while_the_statement_runs(void **state)
{
    (void)state;
    assert_true(enter(0, "maoshan", urban, 1));
    tell("maoshan", "o:urban");
    assert_int_equal(again[0], 0);
    assert_true(wait_hang(&requests[0]));
    waiters_run(worker.waiters, worker.now_ms);
    assert_int_equal(again[0], 1);
    assert_true(wait_hang(&requests[0]));
    turn(WAIT_REST_MS);
    tell("maoshan", "o:urban");
    assert_int_equal(again[0], 2);
}

static void test_ends_in_time(void **state)
{
    (void)state;
    assert_true(enter(0, "maoshan", urban, 1)); /* 10 s */
    assert_true(enter(1, "maoshan", grids, 3)); /* 20 s */
    assert_true(wait_hang(&requests[0]));
    assert_true(wait_hang(&requests[1]));
    assert_int_equal(waiters_tick(worker.waiters, 1000, 500), 500);
    assert_int_equal(waiters_tick(worker.waiters, 10000, 5000), 850);
    assert_int_equal(over[0], 0);
    worker.now_ms = 11000;
    assert_int_equal(waiters_tick(worker.waiters, 11000, 1000), 1000);
    assert_int_equal(over[0], 1);
    assert_int_equal(over[1], 0);
    waiters_tick(worker.waiters, 21000, 1000);
    assert_int_equal(over[1], 1);
    assert_int_equal(waiters_count(worker.waiters), 0);
}

static void test_ends_while_the_statement_runs(void **state)
{
    (void)state;
    assert_true(enter(0, "maoshan", urban, 1));
    waiters_tick(worker.waiters, 30000, 1000);
    assert_int_equal(over[0], 0);
    assert_false(wait_hang(&requests[0]));
}

static void test_ends_with_the_token(void **state)
{
    (void)state;
    assert_true(enter(0, "maoshan", urban, 1));
    wait_leave(&requests[0]);
    actors[0].expires_at = (int64_t)time(NULL) - 1;
    PGresult *result = keys_of(urban, 1);

    assert_true(wait_register(&requests[0], result));
    PQclear(result);
    assert_false(wait_hang(&requests[0]));
}

static void test_leaving_while_others_are_woken(void **state)
{
    static const char *const both[] = {"o:urban", "g:XF-01"};

    (void)state;
    answers_at_once = true;
    for (size_t i = 0; i < 3; i++) {
        assert_true(enter(i, "maoshan", both, 2));
        assert_true(wait_hang(&requests[i]));
    }
    tell("maoshan", "o:urban,g:XF-01");
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(again[i], 1);
    assert_int_equal(waiters_count(worker.waiters), 0);
}

static void test_wake_of_all(void **state)
{
    (void)state;
    assert_true(enter(0, "maoshan", urban, 1));
    assert_true(enter(1, "other", urban, 1));
    assert_true(wait_hang(&requests[0]));
    assert_true(wait_hang(&requests[1]));
    tell("other", NULL);
    assert_int_equal(again[0], 0);
    assert_int_equal(again[1], 1);
    tell(NULL, NULL);
    assert_int_equal(again[0], 1);
    waiters_end_all(worker.waiters);
    assert_false(wait_hang(&requests[0]));
}

static void test_no_room(void **state)
{
    (void)state;
    assert_false(enter(0, "maoshan", NULL, 0));
    for (size_t i = 0; i < N - 1; i++)
        assert_true(enter(i, "maoshan", urban, 1));
    assert_false(enter(N - 1, "maoshan", urban, 1));
    wait_leave(&requests[0]);
    assert_true(enter(N - 1, "maoshan", urban, 1));
}

/* Thousands may be woken at once: those who only ask must not stand behind all of them. */
static void test_a_few_at_a_time(void **state)
{
    size_t ran = 0;

    (void)state;
    for (size_t i = 0; i < N - 1; i++) {
        assert_true(enter(i, "maoshan", urban, 1));
        assert_true(wait_hang(&requests[i]));
    }
    tell("maoshan", "o:urban");
    for (size_t i = 0; i < N - 1; i++)
        ran += again[i];
    assert_int_equal(ran, RUNNING);
    waiters_run(worker.waiters, /* busy= */ true);
    for (size_t i = 0; i < N - 1; i++)
        if (again[i])
            assert_true(wait_hang(&requests[i]));
    waiters_run(worker.waiters, worker.now_ms);
    for (size_t i = 0; i < N - 1; i++)
        assert_int_equal(again[i], 1);
    /* Woken, not yet run, and gone. */
    turn(WAIT_REST_MS);
    tell("maoshan", "o:urban");
    for (size_t i = 0; i < N - 1; i++)
        wait_leave(&requests[i]);
    waiters_run(worker.waiters, worker.now_ms);
    assert_int_equal(waiters_count(worker.waiters), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_woken_by_own_key_only),
        TEST(test_news_while_the_statement_runs),
        TEST(test_ends_in_time),
        TEST(test_ends_while_the_statement_runs),
        TEST(test_ends_with_the_token),
        TEST(test_leaving_while_others_are_woken),
        TEST(test_wake_of_all),
        TEST(test_no_room),
        TEST(test_a_few_at_a_time),
        TEST(test_rests_between_two_looks),
        TEST(test_who_comes_back_too_soon),
        TEST(test_gives_way_to_writers),
        TEST(test_rests_end_in_their_order),
        TEST(test_ends_before_it_has_looked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
