/* streamed.h — streams on sockets of our own, with a database that says what we want; for the tests of them. */
#ifndef STREAMED_H
#define STREAMED_H

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

static inline PGresult *table(const char *const *columns, int n)
{
    PGresult *result = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
    PGresAttDesc attributes[8];

    memset(attributes, 0, sizeof attributes);
    for (int i = 0; i < n; i++)
        attributes[i].name = (char *)(uintptr_t)columns[i];
    assert_true(PQsetResultAttrs(result, n, attributes));
    return result;
}

static inline void set(PGresult *result, int row, int column, const char *value, int size)
{
    assert_true(PQsetvalue(result, row, column, (char *)(uintptr_t)value, size));
}

static inline void set_text(PGresult *result, int row, int column, const char *value)
{
    set(result, row, column, value, value ? (int)strlen(value) : -1);
}

static inline void set_flag(PGresult *result, int row, int column, bool value)
{
    set(result, row, column, value ? "\1" : "\0", 1);
}

/* A page without events: how far was looked, or why not. */
static inline PGresult *rest(const char *code, const char *place, bool more)
{
    static const char *const columns[] = {"_code", "_item", "_cursor", "_more"};
    PGresult *result = table(columns, 4);

    set_text(result, 0, 0, code);
    set_flag(result, 0, 1, false);
    set_text(result, 0, 2, place);
    set_flag(result, 0, 3, more);
    return result;
}

static inline PGresult *begun(const char *code, const char *class, const char *person)
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

static inline void answer(size_t place, enum db_outcome outcome, PGresult *result)
{
    struct db_call *call = calls[place];

    assert_true(place < n_calls);
    memmove(&calls[place], &calls[place + 1], (--n_calls - place) * sizeof calls[0]);
    call->outcome = outcome;
    call->result = result;
    call->done(call);
}

static inline const char *place_asked(size_t place)
{
    return calls[place]->values[streams->cursor];
}

/* The turn `ms` from now. */
static inline void turn(uint64_t ms)
{
    now_ms += ms;
    streams_turn(streams, now_ms, SECOND);
}

/* As stream_open does, but for the request; the other end of the socket is ours. */
static inline struct stream *open_one(const char *class, const char *person, int *ret_fd)
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

static inline const char *read_from(int fd)
{
    static char text[512];
    ssize_t size = recv(fd, text, sizeof text - 1, MSG_DONTWAIT);

    text[size > 0 ? size : 0] = '\0';
    return text;
}

static inline bool is_open(int fd)
{
    char byte;

    return recv(fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK) != 0;
}

static inline int setup(void **state)
{
    (void)state;
    now_ms = 1000 * SECOND;
    n_calls = 0;
    worker = (struct worker){.service = &service, .epoll_fd = epoll_create1(EPOLL_CLOEXEC), .hooks = hooks_new()};
    streams = streams_new(&worker, 100);
    streams->now_ms = now_ms;
    return streams_full(streams) ? -1 : 0;
}

static inline int teardown(void **state)
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

/* More than the socket takes; returns how much is left in the queue. */
static inline size_t stuff(struct stream *stream, size_t size)
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
