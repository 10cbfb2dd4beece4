/* stream.c — streams of events: how one begins, the beat that keeps it open, and how it ends. */
#include "stream.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "answer.h"
#include "bind.h"
#include "log.h"
#include "reply.h"
#include "stream_internal.h"
#include "worker.h"

enum { SECOND_MS = 1000, BURY_MS = 10, BACKOFF_MS = 5000, SEAL_ARENA = 16 * 1024 };

static const struct operation *find_operation(const char *id)
{
    for (size_t i = 0; i < contract.n_operations; i++)
        if (!strcmp(contract.operations[i].id, id))
            return &contract.operations[i];
    return NULL;
}

static const struct statement *find_statement(const char *name)
{
    for (size_t i = 0; i < contract.n_statements; i++)
        if (!strcmp(contract.statements[i].name, name))
            return &contract.statements[i];
    return NULL;
}

static bool begins_with_rights(const struct statement *statement)
{
    static const enum argument_source rights[STREAM_RIGHTS] = {ARGUMENT_TENANT,   ARGUMENT_ACTOR, ARGUMENT_ROLES,
                                                               ARGUMENT_OP_ROLES, ARGUMENT_ORG,   ARGUMENT_AREAS};

    for (size_t i = 0; i < STREAM_RIGHTS; i++)
        if (i >= statement->n_arguments || statement->arguments[i].source != rights[i])
            return false;
    return true;
}

/* A build without the operation has no streams. */
static bool find_statements(struct streams *streams)
{
    const struct statement *statement;

    streams->operation = find_operation("events.stream");
    streams->begin = find_statement("events.begin");
    statement = streams->operation ? streams->operation->statement : NULL;
    if (!statement || !streams->begin || !begins_with_rights(statement))
        return false;
    for (size_t i = 0; i < statement->n_arguments; i++) {
        if (statement->arguments[i].source == ARGUMENT_CURSOR)
            streams->cursor = i;
        if (statement->arguments[i].source == ARGUMENT_LIMIT)
            streams->limit_value = i;
    }
    return streams->cursor && streams->limit_value;
}

struct streams *streams_new(struct worker *worker, unsigned limit)
{
    struct streams *streams = calloc(1, sizeof *streams);

    if (!streams)
        return NULL;
    streams->worker = worker;
    streams->beat = chunk_new(":\n\n", 3);
    streams->limit = find_statements(streams) ? limit : 0;
    return streams->beat ? streams : streams_free(streams);
}

bool streams_full(const struct streams *streams)
{
    return streams->n >= streams->limit;
}

unsigned streams_count(const struct streams *streams)
{
    return streams->n;
}

unsigned streams_of(const struct streams *streams, const char *tenant, const char *subject)
{
    unsigned n = 0;

    for (const struct stream *stream = streams->first; stream; stream = stream->next)
        n += !strcmp(stream->voice->subject, subject) && !strcmp(stream->voice->tenant, tenant);
    return n;
}

/* In the order of their beats: each is sent something, or nothing, for equally long. */
static void list_out(struct stream *stream)
{
    struct streams *streams = stream->streams;

    *(stream->previous ? &stream->previous->next : &streams->first) = stream->next;
    *(stream->next ? &stream->next->previous : &streams->last) = stream->previous;
}

static void list_in(struct stream *stream)
{
    struct streams *streams = stream->streams;

    stream->beat_ms = streams->now_ms + STREAM_BEAT_MS;
    stream->next = NULL;
    stream->previous = streams->last;
    *(streams->last ? &streams->last->next : &streams->first) = stream;
    streams->last = stream;
}

static void log_end(const struct stream *stream, const char *why)
{
    const struct log_field fields[] = {
        LOG_TEXT("request_id", stream->id),
        LOG_TEXT("tenant", stream->voice->tenant),
        LOG_TEXT("subject", stream->voice->subject),
        LOG_TEXT("note", why),
        LOG_NUMBER("events", stream->n_events),
        LOG_NUMBER("ms", stream->streams->now_ms - stream->begun_ms),
        {.name = NULL},
    };

    if (log_wants(LOG_INFO))
        log_event(LOG_INFO, "stream ended", fields);
}

void stream_end(struct stream *stream, const char *why)
{
    struct streams *streams = stream->streams;

    if (stream->ended)
        return;
    stream->ended = true;
    log_end(stream, why);
    (void)epoll_ctl(streams->worker->epoll_fd, EPOLL_CTL_DEL, stream->fd, NULL);
    close(stream->fd);
    list_out(stream);
    streams->n--;
    reader_leave(stream);
    hooks_take(&stream->hanger);
    stream_clear(stream);
    if (stream->check)
        stream->check->stream = NULL;
    voice_free(stream->voice);
    stream->next = streams->buried;
    streams->buried = stream;
}

/* A client that closed its sending side does not come back to it either: EventSource opens another connection. */
static void socket_ready(struct event_source *source, uint32_t events)
{
    struct stream *stream = (struct stream *)source;

    if (stream->ended)
        return;
    if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
        stream_end(stream, "the client went away");
    else if (events & EPOLLOUT)
        stream_flush(stream);
}

void stream_rights_changed(struct hanger *hanger, bool rights)
{
    struct stream *stream = (struct stream *)((char *)hanger - offsetof(struct stream, hanger));

    if (rights)
        stream_check(stream);
}

/* Texts -------------------------------------------------------------------------------------------------------------
 */

/* Status line and headers, when to come again, and from where this one goes on. */
static struct chunk *opening(struct request *request, const PGresult *begun)
{
    const char *place = answer_text(begun, 0, "place");
    bool reset = answer_flag(begun, 0, "reset");
    const char *id =
        place ? stream_seal(request->worker->streams, request->arena, request->actor->tenant, place) : NULL;
    struct buffer text = {.size = 0};
    const char *event = NULL;
    const char *retry =
        arena_printf(request->arena, "retry: %u\n\n", request->worker->service->config->stream_retry_ms);
    struct chunk *chunk;

    if (id && reset)
        event = arena_printf(request->arena, "event: reset\nid: %s\ndata: {\"code\":\"cursor_reset\"}\n\n", id);
    else if (id)
        event = arena_printf(request->arena, "event: ready\nid: %s\ndata: {\"resumed\":%s}\n\n", id,
                             request->cursor ? "true" : "false");
    reply_head(request, &text);
    buffer_add_text(&text, retry ? retry : "");
    buffer_add_text(&text, event ? event : "");
    chunk = event && !text.failed ? chunk_new(text.data, text.size) : NULL;
    buffer_free(&text);
    return chunk;
}

/* Whoever was sent nothing for long learns how far it is all the same: its next beginning need not read all that again.
 */
static void beat_with_place(struct stream *stream)
{
    struct arena *arena = arena_new(SEAL_ARENA);
    const char *id = arena ? stream_seal(stream->streams, arena, stream->voice->tenant, stream->reader->place) : NULL;
    const char *text = id ? arena_printf(arena, "id: %s\n\n", id) : NULL;
    struct chunk *chunk = text ? chunk_new(text, strlen(text)) : NULL;

    if (chunk) {
        stream->moved = false;
        stream_push(stream, chunk);
    }
    chunk_free(chunk);
    arena_free(arena);
}

static void beat(struct stream *stream)
{
    struct streams *streams = stream->streams;

    if (stream->queued && streams->now_ms - stream->progress_ms >= STREAM_STALL_MS) {
        stream_end(stream, "it reads too slowly");
        return;
    }
    list_out(stream);
    list_in(stream);
    if (stream->queued)
        return;
    if (stream->moved)
        beat_with_place(stream);
    else
        stream_push(stream, streams->beat);
}

/* Opening -----------------------------------------------------------------------------------------------------------
 */

/* Whoever does not take what is sent is found by the kernel, too, and does not fill its memory. */
static void tune(int fd)
{
    const int on = 1, buffer = STREAM_SOCKET_BUFFER;
    const unsigned dead_ms = STREAM_STALL_MS;

    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &dead_ms, sizeof dead_ms);
}

void stream_begin(struct stream *stream)
{
    stream->source.ready = socket_ready;
    stream->streams->n++;
    list_in(stream);
}

static uint64_t next_check_ms(const struct streams *streams, const PGresult *begun)
{
    /* One row without a key only: the database does not know this person yet. */
    bool stranger = PQntuples(begun) == 1;

    return streams->now_ms + (stranger ? STREAM_STRANGER_MS : STREAM_CHECK_MS);
}

static struct stream *stream_new(struct request *request, struct voice *voice, const PGresult *begun)
{
    struct streams *streams = request->worker->streams;
    struct stream *stream = calloc(1, sizeof *stream);

    if (!stream)
        return NULL;
    *stream = (struct stream){
        .hanger = {.wake = stream_rights_changed, .tenant = voice->tenant},
        .streams = streams,
        .voice = voice,
        .fd = -1,
        .begun_ms = streams->now_ms,
        .progress_ms = streams->now_ms,
        .check_ms = next_check_ms(streams, begun),
        .expires_at = request->actor->expires_at,
    };
    memcpy(stream->id, request->id, sizeof stream->id);
    if (hooks_hang(streams->worker->hooks, &stream->hanger, begun, PQfnumber(begun, "key"), HOOKS_RIGHTS) == -ENOMEM) {
        free(stream);
        return NULL;
    }
    return stream;
}

/* Everything that can fail comes before the socket is taken. */
static int enter(struct request *request, struct voice *voice, const PGresult *begun, struct chunk *first)
{
    struct streams *streams = request->worker->streams;
    const char *share = stream_share(request->arena, streams, voice, answer_text(begun, 0, "class"));
    struct stream *stream = share && first ? stream_new(request, voice, begun) : NULL;
    struct epoll_event event = {.events = EPOLLRDHUP | EPOLLOUT | EPOLLET, .data.ptr = stream};

    if (!stream)
        return -ENOMEM;
    voice->refs++;
    if (reader_enter(stream, share, answer_text(begun, 0, "place"), begun) == 0)
        stream->fd = connection_hand_over(request->peer);
    if (stream->fd < 0 || epoll_ctl(streams->worker->epoll_fd, EPOLL_CTL_ADD, stream->fd, &event) < 0) {
        if (stream->fd >= 0)
            close(stream->fd);
        reader_leave(stream);
        hooks_take(&stream->hanger);
        voice_free(voice);
        free(stream);
        return -ENOMEM;
    }
    tune(stream->fd);
    stream_begin(stream);
    stream_push(stream, first);
    return 0;
}

int stream_open(struct request *request, const PGresult *begun)
{
    struct streams *streams = request->worker->streams;
    const char **values = NULL;
    struct voice *voice = NULL;
    struct chunk *first;
    int r = bind_arguments(request, streams->operation->statement, &values);

    streams->now_ms = request->worker->now_ms;
    request->reply.status = request->operation->status;
    request->reply.content_type = "text/event-stream";
    request->reply.close = true;
    if (!r)
        voice = voice_new(values, streams->operation->statement->n_arguments);
    first = voice ? opening(request, begun) : NULL;
    r = first ? enter(request, voice, begun, first) : -ENOMEM;
    chunk_free(first);
    voice_free(voice);
    if (!r) {
        request->handed_over = true;
        request_finish(request);
    }
    return r;
}

/* Turns -------------------------------------------------------------------------------------------------------------
 */

static void bury(struct streams *streams)
{
    for (struct stream **place = &streams->buried; *place;) {
        struct stream *stream = *place;

        if (stream->to_flush || stream->to_check) { /* a list still names it */
            place = &stream->next;
            continue;
        }
        *place = stream->next;
        free(stream);
    }
}

static void look_at_all(struct streams *streams)
{
    int64_t now_s = (int64_t)time(NULL);

    for (struct stream *stream = streams->first, *next; stream; stream = next) {
        next = stream->next;
        if (now_s >= stream->expires_at) {
            stream_end(stream, "its token has expired");
        } else if (streams->now_ms >= stream->check_ms) {
            stream->check_ms = streams->now_ms + STREAM_CHECK_MS;
            stream_check(stream);
        }
    }
}

int streams_turn(struct streams *streams, uint64_t now_ms, int most)
{
    bool more;

    streams->now_ms = now_ms;
    bury(streams);
    if (!streams->n && !streams->buried)
        return most;
    if (now_ms >= streams->second_ms) {
        streams->second_ms = now_ms + SECOND_MS;
        look_at_all(streams);
        streams_read_later(streams);
    }
    while (streams->first && now_ms >= streams->first->beat_ms)
        beat(streams->first);
    most = readers_rested(streams, most);
    streams_read(streams);
    more = streams_flush(streams);
    if (more)
        return 0;
    if (streams->buried)
        most = most < BURY_MS ? most : BURY_MS;
    return most < SECOND_MS ? most : SECOND_MS;
}

/* All of them come again, elsewhere: not all at once. */
void streams_end_all(struct streams *streams)
{
    unsigned retry_ms = streams->worker->service->config->stream_retry_ms, n = 0;

    while (streams->first) {
        struct stream *stream = streams->first;
        char text[32];
        int size = snprintf(text, sizeof text, "retry: %u\n\n", retry_ms + 7 * n++ % BACKOFF_MS);
        struct chunk *chunk = chunk_new(text, (size_t)size);

        if (chunk) {
            stream_push(stream, chunk);
            chunk_free(chunk);
        }
        if (!stream->ended)
            stream_flush(stream);
        if (!stream->ended)
            stream_end(stream, "the service stops");
    }
}

struct streams *streams_free(struct streams *streams)
{
    if (!streams)
        return NULL;
    while (streams->first)
        stream_end(streams->first, "the service stops");
    (void)streams_flush(streams);
    for (struct stream *stream = streams->buried, *next; stream; stream = next) {
        next = stream->next;
        free(stream);
    }
    chunk_free(streams->beat);
    free(streams);
    return NULL;
}
