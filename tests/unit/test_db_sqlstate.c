/* test_db_sqlstate.c — every SQLSTATE the conventions name, and what becomes of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "db_sqlstate.h"

struct expectation {
    const char *sqlstate;
    enum db_reaction reaction;
    enum db_outcome outcome;
};

static const struct expectation expectations[] = {
    {"23505", REACT_ANSWER, DB_CONFLICT},   {"23P01", REACT_ANSWER, DB_CONFLICT},
    {"23502", REACT_ANSWER, DB_INVALID},    {"23503", REACT_ANSWER, DB_INVALID},
    {"23514", REACT_ANSWER, DB_INVALID},    {"22P02", REACT_ANSWER, DB_INVALID},
    {"22001", REACT_ANSWER, DB_INVALID},    {"22003", REACT_ANSWER, DB_INVALID},
    {"22007", REACT_ANSWER, DB_INVALID},    {"22008", REACT_ANSWER, DB_INVALID},
    {"22021", REACT_ANSWER, DB_INVALID},    {"22P05", REACT_ANSWER, DB_INVALID},
    {"40001", REACT_RETRY, DB_UNAVAILABLE}, {"40P01", REACT_RETRY, DB_UNAVAILABLE},
    {"55P03", REACT_ANSWER, DB_KEY_BUSY},   {"57014", REACT_ANSWER, DB_UNAVAILABLE},
    {"0A000", REACT_REPLACE, DB_BROKEN},    {"26000", REACT_REPLACE, DB_BROKEN},
    {"53100", REACT_FULL, DB_UNAVAILABLE},  {"53200", REACT_FULL, DB_UNAVAILABLE},
    {"53300", REACT_FULL, DB_UNAVAILABLE},  {"25006", REACT_DEAD, DB_UNAVAILABLE},
    {"57P01", REACT_DEAD, DB_UNAVAILABLE},  {"57P02", REACT_DEAD, DB_UNAVAILABLE},
    {"57P03", REACT_DEAD, DB_UNAVAILABLE},  {"42501", REACT_ANSWER, DB_BROKEN},
    {"P0001", REACT_ANSWER, DB_BROKEN},     {"XX000", REACT_ANSWER, DB_BROKEN},
    {"42P01", REACT_ANSWER, DB_BROKEN},     {"22012", REACT_ANSWER, DB_BROKEN},
    {"25P02", REACT_ANSWER, DB_BROKEN},     {"zzzzz", REACT_ANSWER, DB_BROKEN},
};

static void each_has_its_verdict(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(expectations) / sizeof(expectations[0]); i++) {
        struct db_verdict verdict = db_sqlstate_verdict(expectations[i].sqlstate, /* fatal= */ false);

        if (verdict.reaction != expectations[i].reaction || verdict.outcome != expectations[i].outcome)
            fail_msg("%s: reaction %d, outcome %d", expectations[i].sqlstate, verdict.reaction, verdict.outcome);
    }
}

static void fatal_is_the_end_whatever_it_says(void **state)
{
    (void)state;
    assert_int_equal(db_sqlstate_verdict("40001", /* fatal= */ true).reaction, REACT_DEAD);
    assert_int_equal(db_sqlstate_verdict("08006", /* fatal= */ true).reaction, REACT_DEAD);
    assert_int_equal(db_sqlstate_verdict("08006", /* fatal= */ true).outcome, DB_UNAVAILABLE);
}

/* One node behind the server is away; the server itself is not. */
static void an_error_of_class_08_keeps_the_connection(void **state)
{
    (void)state;
    assert_int_equal(db_sqlstate_verdict("08006", /* fatal= */ false).reaction, REACT_ANSWER);
    assert_int_equal(db_sqlstate_verdict("08001", /* fatal= */ false).outcome, DB_UNAVAILABLE);
}

static void no_sqlstate_is_a_broken_connection(void **state)
{
    (void)state;
    assert_int_equal(db_sqlstate_verdict("", /* fatal= */ false).reaction, REACT_DEAD);
    assert_int_equal(db_sqlstate_verdict(NULL, /* fatal= */ false).reaction, REACT_DEAD);
}

static void a_lock_is_the_keys_only_under_a_key(void **state)
{
    (void)state;
    assert_int_equal(db_sqlstate_outcome(DB_KEY_BUSY, /* has_key= */ true), DB_KEY_BUSY);
    assert_int_equal(db_sqlstate_outcome(DB_KEY_BUSY, /* has_key= */ false), DB_UNAVAILABLE);
    assert_int_equal(db_sqlstate_outcome(DB_CONFLICT, /* has_key= */ false), DB_CONFLICT);
}

static void a_lost_connection_and_an_internal_error_prove_nothing(void **state)
{
    (void)state;
    assert_true(db_sqlstate_proves("23505"));
    assert_true(db_sqlstate_proves("57P01"));
    assert_false(db_sqlstate_proves("08P01"));
    assert_false(db_sqlstate_proves("XX000"));
    assert_false(db_sqlstate_proves(""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_has_its_verdict),
        cmocka_unit_test(fatal_is_the_end_whatever_it_says),
        cmocka_unit_test(an_error_of_class_08_keeps_the_connection),
        cmocka_unit_test(no_sqlstate_is_a_broken_connection),
        cmocka_unit_test(a_lock_is_the_keys_only_under_a_key),
        cmocka_unit_test(a_lost_connection_and_an_internal_error_prove_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
