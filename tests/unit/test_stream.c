/* test_stream.c — beats, ends and company of streams, on sockets of our own, with a database that says what we want. */
#include "unit.h"

#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "stream_internal.h"
#include "worker.h"

enum { MAX_CALLS = 16, SECOND = 1000 };

static struct config config = {.request_timeout_ms = 5000, .stream_retry_ms = 2000};
static struct service service = {.config = &config};
static struct worker worker;
static struct streams *streams;
static uint64_t now_ms;

/* What was asked of the database and is not answered yet. */
static struct db_call *calls[MAX_CALLS];
static size_t n_calls;

void __wrap_db_submit(struct db *db, struct db_call *call);
void __wrap_db_submit(struct db *db, struct db_call *call)
{
    (void)db;
    assert_true(n_calls < MAX_CALLS);
    calls[n_calls++] = call;
}

static PGresult *table(const char *const *columns, int n)
{
    PGresult *result = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
    PGresAttDesc attributes[8];

    memset(attributes, 0, sizeof attributes);
    for (int i = 0; i < n; i++)
        attributes[i].name = (char *)(uintptr_t)columns[i];
    assert_true(PQsetResultAttrs(result, n, attributes));
    return result;
}

static void set(PGresult *result, int row, int column, const char *value, int size)
{
    assert_true(PQsetvalue(result, row, column, (char *)(uintptr_t)value, size));
}

static void set_text(PGresult *result, int row, int column, const char *value)
{
    set(result, row, column, value, value ? (int)strlen(value) : -1);
}

static void set_flag(PGresult *result, int row, int column, bool value)
{
    set(result, row, column, value ? "\1" : "\0", 1);
}

/* A page without events: how far was looked, or why not. */
static PGresult *rest(const char *code, const char *place, bool more)
{
    static const char *const columns[] = {"_code", "_item", "_cursor", "_more"};
    PGresult *result = table(columns, 4);

    set_text(result, 0, 0, code);
    set_flag(result, 0, 1, false);
    set_text(result, 0, 2, place);
    set_flag(result, 0, 3, more);
    return result;
}

static PGresult *begun(const char *code, const char *class, const char *person)
{
    static const char *const columns[] = {"_code", "key", "class", "place", "reset"};
    const char *const keys[] = {"t", person, NULL};
    PGresult *result = table(columns, 5);

    for (int row = 0; row < 3; row++) {
        set_text(result, row, 0, code);
        set_text(result, row, 1, keys[row]);
        set_text(result, row, 2, class);
        set_text(result, row, 3, "feed|e|1");
        set_flag(result, row, 4, false);
    }
    return result;
}

static void answer(size_t place, enum db_outcome outcome, PGresult *result)
{
    struct db_call *call = calls[place];

    assert_true(place < n_calls);
    memmove(&calls[place], &calls[place + 1], (--n_calls - place) * sizeof calls[0]);
    call->outcome = outcome;
    call->result = result;
    call->done(call);
}

static const char *place_asked(size_t place)
{
    return calls[place]->values[streams->cursor];
}

/* The turn `ms` from now. */
static void turn(uint64_t ms)
{
    now_ms += ms;
    streams_turn(streams, now_ms, SECOND);
}

/* As stream_open does, but for the request; the other end of the socket is ours. */
static struct stream *open_one(const char *class, const char *person, int *ret_fd)
{
    const struct statement *statement = streams->operation->statement;
    const char *values[16] = {"maoshan", person, "{dispatcher}", "{dispatcher}"};
    struct arena *arena = arena_new(1 << 16);
    struct stream *stream = calloc(1, sizeof *stream);
    PGresult *result = begun(NULL, class, person);
    int pair[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
    *ret_fd = pair[1];
    *stream = (struct stream){.streams = streams,
                              .fd = pair[0],
                              .expires_at = (int64_t)time(NULL) + 3600,
                              .check_ms = now_ms + STREAM_CHECK_MS,
                              .begun_ms = now_ms,
                              .progress_ms = now_ms};
    stream->voice = voice_new(values, statement->n_arguments);
    stream->hanger = (struct hanger){.wake = stream_rights_changed, .tenant = stream->voice->tenant};
    assert_int_equal(hooks_hang(worker.hooks, &stream->hanger, result, 1, HOOKS_RIGHTS), 0);
    assert_int_equal(reader_enter(stream, stream_share(arena, streams, stream->voice, class), "feed|e|1", result), 0);
    stream_begin(stream);
    PQclear(result);
    arena_free(arena);
    return stream;
}

static const char *read_from(int fd)
{
    static char text[512];
    ssize_t size = recv(fd, text, sizeof text - 1, MSG_DONTWAIT);

    text[size > 0 ? size : 0] = '\0';
    return text;
}

static bool is_open(int fd)
{
    char byte;

    return recv(fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK) != 0;
}

static int setup(void **state)
{
    (void)state;
    now_ms = 1000 * SECOND;
    n_calls = 0;
    worker = (struct worker){.service = &service, .epoll_fd = epoll_create1(EPOLL_CLOEXEC), .hooks = hooks_new()};
    streams = streams_new(&worker, 100);
    streams->now_ms = now_ms;
    return streams_full(streams) ? -1 : 0;
}

static int teardown(void **state)
{
    (void)state;
    streams_end_all(streams);
    while (n_calls)
        answer(0, DB_UNAVAILABLE, NULL);
    assert_int_equal(streams_count(streams), 0);
    streams = streams_free(streams);
    worker.hooks = hooks_free(worker.hooks);
    close(worker.epoll_fd);
    return 0;
}

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

/* More than the socket takes; returns how much is left in the queue. */
static size_t stuff(struct stream *stream, size_t size)
{
    static char text[4096];
    struct chunk *chunk;

    memset(text, 'x', sizeof text);
    chunk = chunk_new(text, sizeof text);
    for (size_t i = 0; i < size / sizeof text; i++)
        stream_push(stream, chunk);
    chunk_free(chunk);
    stream_flush(stream);
    return stream->queued;
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
    turn(1);
    assert_int_equal(n_calls, 2);
    /* What comes while it reads is read for again. */
    hooks_wake(worker.hooks, "maoshan", "t");
    answer(0, DB_OK, rest(NULL, "feed|e|2", false));
    answer(0, DB_OK, rest(NULL, "feed|e|2", false));
    turn(1);
    assert_int_equal(n_calls, 2);
    for (int i = 0; i < 3; i++)
        close(fd[i]);
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
    turn(1);
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
    turn(1);
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
    turn(1);
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_the_beat),
        TEST(test_a_beat_says_how_far),
        TEST(test_who_does_not_read_is_dropped),
        TEST(test_who_reads_slowly_stays),
        TEST(test_one_reading_for_the_same_sight),
        TEST(test_who_catches_up_finds_company),
        TEST(test_who_is_too_slow_for_company_goes_alone),
        TEST(test_the_end_of_a_token),
        TEST(test_rights_are_looked_at_again),
        TEST(test_a_voice_falls_silent),
        TEST(test_a_lost_place),
        TEST(test_the_database_is_away),
        TEST(test_gone_while_it_was_read_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
