/* stream_out.c — texts on their way to the sockets of streams. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "stream_internal.h"
#include "worker.h"

struct chunk *chunk_new(const char *text, size_t size)
{
    struct chunk *chunk = malloc(sizeof *chunk + size);

    if (!chunk)
        return NULL;
    *chunk = (struct chunk){.refs = 1, .size = size};
    memcpy(chunk->text, text, size);
    return chunk;
}

struct chunk *chunk_free(struct chunk *chunk)
{
    if (chunk && !--chunk->refs)
        free(chunk);
    return NULL;
}

static void drop_first(struct stream *stream)
{
    struct piece *piece = stream->first;

    stream->first = piece->next;
    if (!stream->first)
        stream->last = NULL;
    stream->sent = 0;
    chunk_free(piece->chunk);
    free(piece);
}

void stream_clear(struct stream *stream)
{
    while (stream->first)
        drop_first(stream);
    stream->queued = 0;
}

static void flush_later(struct stream *stream)
{
    struct streams *streams = stream->streams;

    if (stream->to_flush)
        return;
    stream->to_flush = true;
    stream->next_flush = NULL;
    *(streams->last_flush ? &streams->last_flush->next_flush : &streams->first_flush) = stream;
    streams->last_flush = stream;
}

void stream_push(struct stream *stream, struct chunk *chunk)
{
    struct piece *piece = malloc(sizeof *piece);

    if (!piece) {
        stream_end(stream, "out of memory");
        return;
    }
    *piece = (struct piece){.chunk = chunk};
    chunk->refs++;
    if (!stream->first)
        stream->progress_ms = stream->streams->now_ms;
    *(stream->last ? &stream->last->next : &stream->first) = piece;
    stream->last = piece;
    stream->queued += chunk->size;
    flush_later(stream);
}

/* Once it is full, epoll tells when it is not. */
void stream_flush(struct stream *stream)
{
    while (stream->first) {
        const struct chunk *chunk = stream->first->chunk;
        size_t left = chunk->size - stream->sent;
        ssize_t size = send(stream->fd, chunk->text + stream->sent, left, MSG_DONTWAIT | MSG_NOSIGNAL);

        if (size < 0 && errno == EINTR)
            continue;
        if (size < 0 && errno == EAGAIN)
            break;
        if (size < 0) {
            stream_end(stream, "the client went away");
            return;
        }
        stream->progress_ms = stream->streams->now_ms;
        stream->sent += (size_t)size;
        stream->queued -= (size_t)size;
        if (stream->sent == chunk->size)
            drop_first(stream);
    }
    if (stream->queued <= STREAM_QUEUE_LOW && stream->reader)
        reader_go_on(stream->reader);
}

bool streams_flush(struct streams *streams)
{
    for (int i = 0; i < STREAM_WRITES && streams->first_flush; i++) {
        struct stream *stream = streams->first_flush;

        streams->first_flush = stream->next_flush;
        if (!streams->first_flush)
            streams->last_flush = NULL;
        stream->to_flush = false;
        if (!stream->ended)
            stream_flush(stream);
    }
    return streams->first_flush;
}
