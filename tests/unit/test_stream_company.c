/* test_stream_company.c — who reads the feed together, when, and who goes alone. */
#include "streamed.h"

static void test_one_reading_for_the_same_sight(void **state)
{
    int fd[3];

    (void)state;
    open_one("street", "u:1", &fd[0]);
    open_one("street", "u:2", &fd[1]);
    open_one("street narrowed", "u:3", &fd[2]);
    turn(0);
    assert_int_equal(n_calls, 2);
    answer(0, DB_OK, rest(NULL, "feed|e|1", false));
    answer(0, DB_OK, rest(NULL, "feed|e|1", false));
    hooks_wake(worker.hooks, "elsewhere", "t");
    hooks_wake(worker.hooks, "maoshan", "o:city");
    turn(1);
    assert_int_equal(n_calls, 0);
    hooks_wake(worker.hooks, "maoshan", "t");
    turn(STREAM_REST_MS);
    assert_int_equal(n_calls, 2);
    /* What comes while it reads is read for again. */
    hooks_wake(worker.hooks, "maoshan", "t");
    answer(0, DB_OK, rest(NULL, "feed|e|2", false));
    answer(0, DB_OK, rest(NULL, "feed|e|2", false));
    turn(STREAM_REST_MS);
    assert_int_equal(n_calls, 2);
    for (int i = 0; i < 3; i++)
        close(fd[i]);
}

/* Much of what comes at once goes into one reading; a lone event is read for as soon as it is there. */
static void test_rests_between_two_readings(void **state)
{
    int fd;

    (void)state;
    open_one("street", "u:1", &fd);
    turn(0);
    answer(0, DB_OK, rest(NULL, "feed|e|1", false));
    for (int i = 0; i < 9; i++) {
        hooks_wake(worker.hooks, "maoshan", "t");
        turn(STREAM_REST_MS / 10);
        assert_int_equal(n_calls, 0);
    }
    assert_int_equal(streams_turn(streams, now_ms, SECOND), STREAM_REST_MS / 10);
    turn(STREAM_REST_MS / 10);
    assert_int_equal(n_calls, 1);
    answer(0, DB_OK, rest(NULL, "feed|e|9", true)); /* there is more: that does not wait */
    turn(1);
    assert_int_equal(n_calls, 1);
    answer(0, DB_OK, rest(NULL, "feed|e|10", false));
    turn(STREAM_REST_MS);
    assert_int_equal(n_calls, 0);
    hooks_wake(worker.hooks, "maoshan", "t");
    turn(0);
    assert_int_equal(n_calls, 1);
    close(fd);
}

/* As two that read one after the other under constant news. */
static void test_company_is_found_with_news_owed(void **state)
{
    int fd[2];
    struct stream *first = open_one("street", "u:1", &fd[0]), *second;

    (void)state;
    turn(0);
    answer(0, DB_OK, rest(NULL, "feed|e|9", false));
    turn(STREAM_REST_MS);
    second = open_one("street", "u:2", &fd[1]);
    turn(0);
    second->reader->woken = true; /* of something that the other has read already */
    answer(0, DB_OK, rest(NULL, "feed|e|9", false));
    assert_ptr_equal(first->reader, second->reader);
    turn(1);
    assert_int_equal(n_calls, 1);
    close(fd[0]);
    close(fd[1]);
}

static void test_who_catches_up_finds_company(void **state)
{
    int fd[2];
    struct stream *first = open_one("street", "u:1", &fd[0]), *second;

    (void)state;
    turn(0);
    answer(0, DB_OK, rest(NULL, "feed|e|9", false));
    second = open_one("street", "u:2", &fd[1]);
    assert_ptr_not_equal(first->reader, second->reader);
    turn(1);
    answer(0, DB_OK, rest(NULL, "feed|e|5", true));
    turn(1);
    answer(0, DB_OK, rest(NULL, "feed|e|9", false));
    assert_ptr_equal(first->reader, second->reader);
    hooks_wake(worker.hooks, "maoshan", "t");
    turn(STREAM_REST_MS);
    assert_int_equal(n_calls, 1);
    close(fd[0]);
    close(fd[1]);
}

static void test_who_is_too_slow_for_company_goes_alone(void **state)
{
    int fd[2];
    struct stream *slow = open_one("street", "u:1", &fd[0]), *quick = open_one("street", "u:2", &fd[1]);

    (void)state;
    turn(0);
    assert_true(stuff(slow, 2 << 20) > STREAM_QUEUE_HIGH);
    answer(0, DB_OK, rest(NULL, "feed|e|2", false));
    assert_ptr_not_equal(slow->reader, quick->reader);
    hooks_wake(worker.hooks, "maoshan", "t");
    turn(STREAM_REST_MS);
    assert_int_equal(n_calls, 1);
    answer(0, DB_OK, rest(NULL, "feed|e|3", false));
    turn(1);
    assert_int_equal(n_calls, 0);
    while (slow->queued) {
        while (*read_from(fd[0]))
            ;
        slow->source.ready(&slow->source, EPOLLOUT);
    }
    turn(1);
    assert_int_equal(n_calls, 1);
    assert_string_equal(place_asked(0), "feed|e|2");
    answer(0, DB_OK, rest(NULL, "feed|e|3", false));
    assert_ptr_equal(slow->reader, quick->reader);
    close(fd[0]);
    close(fd[1]);
}

/* One person's rights are gone: those who were read for by them go on with another's. */
static void test_a_voice_falls_silent(void **state)
{
    int fd[2];

    (void)state;
    open_one("street", "u:1", &fd[0]);
    open_one("street", "u:2", &fd[1]);
    turn(0);
    assert_string_equal(calls[0]->values[1], "u:2");
    answer(0, DB_OK, rest("subject_inactive", NULL, false));
    assert_int_equal(streams_count(streams), 1);
    turn(1);
    assert_string_equal(calls[0]->values[1], "u:1");
    answer(0, DB_OK, rest(NULL, "feed|e|4", false));
    assert_int_equal(streams_count(streams), 1);
    close(fd[0]);
    close(fd[1]);
}

static void test_gone_while_it_was_read_for(void **state)
{
    int fd[2];
    struct stream *stream = open_one("street", "u:1", &fd[0]);

    (void)state;
    open_one("street", "u:2", &fd[1]);
    turn(0);
    stream->source.ready(&stream->source, EPOLLRDHUP);
    assert_int_equal(streams_count(streams), 1);
    answer(0, DB_OK, rest(NULL, "feed|e|2", false));
    streams_end_all(streams);
    assert_string_equal(read_from(fd[1]), "retry: 2000\n\n");
    close(fd[0]);
    close(fd[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_one_reading_for_the_same_sight),
        TEST(test_rests_between_two_readings),
        TEST(test_company_is_found_with_news_owed),
        TEST(test_who_catches_up_finds_company),
        TEST(test_who_is_too_slow_for_company_goes_alone),
        TEST(test_a_voice_falls_silent),
        TEST(test_gone_while_it_was_read_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
