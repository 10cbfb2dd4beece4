/* test_stream.c — beats and ends of streams. */
#include "streamed.h"

static void test_the_beat(void **state)
{
    int fd;

    (void)state;
    open_one("street", "u:1", &fd);
    turn(0);
    answer(0, DB_OK, rest(NULL, "feed|e|1", false));
    turn(STREAM_BEAT_MS - 1);
    assert_string_equal(read_from(fd), "");
    turn(1);
    assert_string_equal(read_from(fd), ":\n\n");
    turn(STREAM_BEAT_MS / 2);
    assert_string_equal(read_from(fd), "");
    turn(STREAM_BEAT_MS / 2);
    assert_string_equal(read_from(fd), ":\n\n");
    close(fd);
}

/* Nothing of others' events, but how far it is. */
static void test_a_beat_says_how_far(void **state)
{
    char first[512];
    int fd;

    (void)state;
    open_one("street", "u:1", &fd);
    turn(0);
    answer(0, DB_OK, rest(NULL, "feed|e|2001", true));
    turn(1);
    assert_string_equal(place_asked(0), "feed|e|2001");
    answer(0, DB_OK, rest(NULL, "feed|e|3000", false));
    turn(1);
    assert_int_equal(n_calls, 0);
    turn(STREAM_BEAT_MS);
    snprintf(first, sizeof first, "%s", read_from(fd));
    assert_memory_equal(first, "id: ", 4);
    turn(STREAM_BEAT_MS);
    assert_string_equal(read_from(fd), ":\n\n");
    hooks_wake(worker.hooks, "maoshan", "t");
    turn(1);
    answer(0, DB_OK, rest(NULL, "feed|e|3001", false));
    turn(STREAM_BEAT_MS);
    assert_memory_equal(read_from(fd), "id: ", 4);
    assert_string_not_equal(read_from(fd), first);
    close(fd);
}

static void test_who_does_not_read_is_dropped(void **state)
{
    int slow_fd, other_fd;
    struct stream *slow = open_one("street", "u:1", &slow_fd);

    (void)state;
    open_one("street", "u:2", &other_fd);
    assert_true(stuff(slow, 1 << 20) > 0);
    turn(STREAM_STALL_MS - 1);
    assert_int_equal(streams_count(streams), 2);
    turn(STREAM_BEAT_MS);
    assert_int_equal(streams_count(streams), 1);
    while (*read_from(slow_fd))
        ;
    assert_false(is_open(slow_fd));
    assert_true(is_open(other_fd));
    close(slow_fd);
    close(other_fd);
}

static void test_who_reads_slowly_stays(void **state)
{
    int fd;
    struct stream *slow = open_one("street", "u:1", &fd);

    (void)state;
    assert_true(stuff(slow, 1 << 20) > 0);
    for (int i = 0; i < 20; i++) {
        for (int k = 0; k < 64; k++)
            (void)read_from(fd);
        slow->source.ready(&slow->source, EPOLLOUT);
        turn(STREAM_BEAT_MS);
        assert_int_equal(streams_count(streams), 1);
    }
    close(fd);
}

static void test_the_end_of_a_token(void **state)
{
    int fd;
    struct stream *stream = open_one("street", "u:1", &fd);

    (void)state;
    stream->expires_at = (int64_t)time(NULL);
    turn(SECOND);
    assert_int_equal(streams_count(streams), 0);
    assert_false(is_open(fd));
    close(fd);
}

static void test_rights_are_looked_at_again(void **state)
{
    static const struct {
        const char *code, *class;
        unsigned left;
    } cases[] = {{NULL, "street", 1}, {NULL, "organisation city", 0}, {"subject_inactive", NULL, 0}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int fd;

        open_one("street", "u:1", &fd);
        turn(0);
        answer(0, DB_OK, rest(NULL, "feed|e|1", false));
        hooks_wake(worker.hooks, "maoshan", "u:2,u:11");
        turn(1);
        assert_int_equal(n_calls, 0);
        if (i % 2)
            hooks_wake(worker.hooks, "maoshan", "u:1");
        else
            turn(STREAM_CHECK_MS); /* what no notification tells */
        turn(1);
        assert_int_equal(n_calls, 1);
        assert_string_equal(calls[0]->statement->name, "events.begin");
        answer(0, DB_OK, begun(cases[i].code, cases[i].class, "u:1"));
        assert_int_equal(streams_count(streams), cases[i].left);
        streams_end_all(streams);
        turn(1);
        close(fd);
    }
}

static void test_a_lost_place(void **state)
{
    int fd;
    const char *text;

    (void)state;
    open_one("street", "u:1", &fd);
    turn(0);
    answer(0, DB_OK, rest("cursor_reset", "feed|f|7", false));
    turn(1);
    text = read_from(fd);
    assert_memory_equal(text, "event: reset\nid: ", 17);
    assert_non_null(strstr(text, "\ndata: {\"code\":\"cursor_reset\"}\n\n"));
    hooks_wake(worker.hooks, "maoshan", "t");
    turn(STREAM_REST_MS);
    assert_string_equal(place_asked(0), "feed|f|7");
    close(fd);
}

static void test_the_database_is_away(void **state)
{
    int fd;

    (void)state;
    open_one("street", "u:1", &fd);
    turn(0);
    answer(0, DB_UNAVAILABLE, NULL);
    turn(1);
    assert_int_equal(n_calls, 0);
    turn(SECOND);
    assert_int_equal(n_calls, 1);
    assert_string_equal(place_asked(0), "feed|e|1");
    assert_int_equal(streams_count(streams), 1);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_the_beat),
        TEST(test_a_beat_says_how_far),
        TEST(test_who_does_not_read_is_dropped),
        TEST(test_who_reads_slowly_stays),
        TEST(test_the_end_of_a_token),
        TEST(test_rights_are_looked_at_again),
        TEST(test_a_lost_place),
        TEST(test_the_database_is_away),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
