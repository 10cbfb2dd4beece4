/* test_db_admission.c — a queue under overload holds what leaves it in time, and forgets the overload soon. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "db_admission.h"

enum { MOST = 2048, WAIT_MS = 500, LEAST = 64, QUEUE = 4096 };

/* A queue of arrival times; its database takes `per_ms` calls out in each millisecond. */
struct street {
    struct admission admission;
    uint64_t arrived[QUEUE], ahead[QUEUE];
    unsigned first, n;
    uint64_t now_ms, longest_ms;
    uint64_t taken, refused;
};

static void arrive(struct street *street)
{
    uint64_t oldest_ms = street->n ? street->now_ms - street->arrived[street->first % QUEUE] : 0;
    unsigned place = (street->first + street->n) % QUEUE;

    if (!admission_admits(&street->admission, street->n, oldest_ms)) {
        street->refused++;
        return;
    }
    street->arrived[place] = street->now_ms;
    street->ahead[place] = street->n++;
}

static void leave(struct street *street)
{
    unsigned place = street->first % QUEUE;
    uint64_t waited_ms;

    if (!street->n)
        return;
    waited_ms = street->now_ms - street->arrived[place];
    street->longest_ms = waited_ms > street->longest_ms ? waited_ms : street->longest_ms;
    admission_learn(&street->admission, (unsigned)street->ahead[place], waited_ms);
    street->first++;
    street->n--;
    street->taken++;
}

/* Rates are per second. */
static void pass(struct street *street, unsigned ms, unsigned arrivals, unsigned departures)
{
    uint64_t come = 0, gone = 0;

    street->taken = street->refused = street->longest_ms = 0;
    for (unsigned i = 1; i <= ms; i++, street->now_ms++) {
        for (; come < (uint64_t)arrivals * i / 1000; come++)
            arrive(street);
        for (; gone < (uint64_t)departures * i / 1000; gone++)
            leave(street);
    }
}

static void overload_keeps_the_wait_and_the_rate(void **state)
{
    static const unsigned rates[] = {200, 1000, 3000, 10000};

    (void)state;
    for (unsigned i = 0; i < sizeof rates / sizeof rates[0]; i++)
        for (unsigned times = 2; times <= 20; times += 6) {
            struct street street = {.now_ms = 1000};

            admission_init(&street.admission, MOST, WAIT_MS);
            pass(&street, 15000, times * rates[i], rates[i]);
            pass(&street, 20000, times * rates[i], rates[i]);
            assert_true(street.longest_ms <= WAIT_MS + WAIT_MS / 4);
            assert_true(street.taken >= 20ULL * rates[i] * 99 / 100);
        }
}

static void a_burst_is_let_in(void **state)
{
    struct street street = {.now_ms = 1000};

    (void)state;
    admission_init(&street.admission, MOST, WAIT_MS);
    for (unsigned i = 0; i < MOST; i++)
        arrive(&street);
    assert_int_equal(street.refused, 0);
    arrive(&street);
    assert_int_equal(street.refused, 1);
}

static void what_took_turns_before_still_may(void **state)
{
    struct street street = {.now_ms = 1000};

    (void)state;
    admission_init(&street.admission, MOST, WAIT_MS);
    pass(&street, 60000, 300, 20);
    assert_int_equal(street.admission.limit, LEAST);
    for (unsigned i = street.n; i < LEAST; i++)
        assert_true(admission_admits(&street.admission, i, 10 * WAIT_MS));
}

static void overload_is_forgotten(void **state)
{
    struct street street = {.now_ms = 1000};

    (void)state;
    admission_init(&street.admission, MOST, WAIT_MS);
    pass(&street, 10000, 3000, 300);
    assert_in_range(street.admission.limit, LEAST, 300);
    pass(&street, 1000, 0, 3000);
    pass(&street, 5000, 2000, 3000);
    assert_int_equal(street.refused, 0);
    assert_int_equal(street.admission.limit, MOST);
}

static void nothing_moves(void **state)
{
    struct admission admission;

    (void)state;
    admission_init(&admission, MOST, WAIT_MS);
    assert_true(admission_admits(&admission, LEAST, 2 * WAIT_MS));
    assert_false(admission_admits(&admission, LEAST, 2 * WAIT_MS + 1));
}

static void without_a_time_the_length_counts(void **state)
{
    struct admission admission;

    (void)state;
    admission_init(&admission, MOST, /* wait_ms= */ 0);
    admission_learn(&admission, 100, 100000);
    assert_true(admission_admits(&admission, MOST - 1, 100000));
    assert_false(admission_admits(&admission, MOST, 0));
    admission_init(&admission, 10, WAIT_MS); /* shorter than what takes turns */
    admission_learn(&admission, 9, 10);
    assert_true(admission_admits(&admission, 9, 0));
    assert_false(admission_admits(&admission, 10, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(overload_keeps_the_wait_and_the_rate),
        cmocka_unit_test(a_burst_is_let_in),
        cmocka_unit_test(what_took_turns_before_still_may),
        cmocka_unit_test(overload_is_forgotten),
        cmocka_unit_test(nothing_moves),
        cmocka_unit_test(without_a_time_the_length_counts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
