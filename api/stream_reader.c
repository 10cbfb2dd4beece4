/* stream_reader.c — readers of the feed: who stands at the same place with the same sight stands at one. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "stream_internal.h"
#include "worker.h"

static struct reader **bucket_of(struct streams *streams, const char *share)
{
    uint32_t hash = 2166136261u;

    for (; *share; share++)
        hash = (hash ^ (unsigned char)*share) * 16777619u;
    return &streams->buckets[(hash ^ hash >> 15) % STREAM_BUCKETS];
}

static bool may_read(const struct reader *reader)
{
    return reader->first && (reader->n > 1 || reader->first->queued <= STREAM_QUEUE_LOW);
}

void reader_due(struct reader *reader)
{
    struct streams *streams = reader->streams;

    reader->woken = true;
    if (reader->due || reader->later || reader->resting || reader->query || !may_read(reader))
        return;
    reader->due = true;
    reader->next_due = NULL;
    *(streams->last_due ? &streams->last_due->next_due : &streams->first_due) = reader;
    streams->last_due = reader;
}

void reader_rest(struct reader *reader)
{
    struct streams *streams = reader->streams;

    reader->resting = true;
    reader->rest_ms = streams->now_ms + STREAM_REST_MS;
    reader->next_resting = NULL;
    reader->previous_resting = streams->last_resting;
    *(streams->last_resting ? &streams->last_resting->next_resting : &streams->first_resting) = reader;
    streams->last_resting = reader;
}

static void rested(struct reader *reader)
{
    struct streams *streams = reader->streams;

    if (!reader->resting)
        return;
    reader->resting = false;
    *(reader->previous_resting ? &reader->previous_resting->next_resting : &streams->first_resting) =
        reader->next_resting;
    *(reader->next_resting ? &reader->next_resting->previous_resting : &streams->last_resting) =
        reader->previous_resting;
}

int readers_rested(struct streams *streams, int most)
{
    while (streams->first_resting && streams->now_ms >= streams->first_resting->rest_ms) {
        struct reader *reader = streams->first_resting;

        rested(reader);
        reader_go_on(reader);
    }
    if (streams->first_resting && streams->first_resting->rest_ms - streams->now_ms < (uint64_t)most)
        return (int)(streams->first_resting->rest_ms - streams->now_ms);
    return most;
}

static void wake(struct hanger *hanger, bool rights)
{
    (void)rights;
    reader_due((struct reader *)hanger);
}

void reader_go_on(struct reader *reader)
{
    if (reader->woken)
        reader_due(reader);
}

static struct reader *reader_new(struct streams *streams, const char *share, const char *place, const char *tenant)
{
    struct reader *reader = calloc(1, sizeof *reader + strlen(share) + 1);

    if (!reader)
        return NULL;
    memcpy(reader->share, share, strlen(share) + 1);
    snprintf(reader->place, sizeof reader->place, "%s", place);
    reader->streams = streams;
    reader->hanger = (struct hanger){.wake = wake, .tenant = tenant};
    reader->home = bucket_of(streams, share);
    reader->next = *reader->home;
    if (reader->next)
        reader->next->home = &reader->next;
    *reader->home = reader;
    return reader;
}

static void take_from(struct reader **list, const struct reader *reader, struct reader **last)
{
    struct reader *before = NULL;

    for (struct reader **place = list; *place; place = &(*place)->next_due) {
        if (*place == reader) {
            *place = reader->next_due;
            if (last && *last == reader)
                *last = before;
            return;
        }
        before = *place;
    }
}

/* Few are due or late at the same time, fewer go just then. */
void reader_free(struct reader *reader)
{
    struct streams *streams = reader->streams;

    hooks_take(&reader->hanger);
    *reader->home = reader->next;
    if (reader->next)
        reader->next->home = reader->home;
    rested(reader);
    if (reader->due)
        take_from(&streams->first_due, reader, &streams->last_due);
    if (reader->later)
        take_from(&streams->later, reader, /* last= */ NULL);
    if (reader->query)
        reader->query->reader = NULL;
    free(reader);
}

/* Not one that waits for a slow stream. */
static struct reader *find(struct streams *streams, const char *share, const char *place, const struct reader *other)
{
    for (struct reader *reader = *bucket_of(streams, share); reader; reader = reader->next)
        if (reader != other && may_read(reader) && !strcmp(reader->place, place) && !strcmp(reader->share, share))
            return reader;
    return NULL;
}

/* The tenant's name that a reader hangs under lives in the voice of one of its streams. */
static void join(struct reader *reader, struct stream *stream)
{
    stream->reader = reader;
    stream->previous_read = NULL;
    stream->next_read = reader->first;
    if (reader->first)
        reader->first->previous_read = stream;
    reader->first = stream;
    reader->n++;
}

static void part(struct stream *stream)
{
    struct reader *reader = stream->reader;

    *(stream->previous_read ? &stream->previous_read->next_read : &reader->first) = stream->next_read;
    if (stream->next_read)
        stream->next_read->previous_read = stream->previous_read;
    stream->reader = NULL;
    reader->n--;
    if (reader->first)
        reader->hanger.tenant = reader->first->voice->tenant;
}

void reader_leave(struct stream *stream)
{
    struct reader *reader = stream->reader;

    if (!reader)
        return;
    part(stream);
    if (!reader->n && !reader->held)
        reader_free(reader);
}

/* A first reading of what happened before it hung there. Whoever finds company at the same place is told what comes. */
int reader_enter(struct stream *stream, const char *share, const char *place, const PGresult *begun)
{
    struct streams *streams = stream->streams;
    struct reader *reader = find(streams, share, place, /* other= */ NULL);
    int r;

    if (reader) {
        join(reader, stream);
        return 0;
    }
    reader = reader_new(streams, share, place, stream->voice->tenant);
    if (!reader)
        return -ENOMEM;
    r = hooks_hang(streams->worker->hooks, &reader->hanger, begun, PQfnumber(begun, "key"), HOOKS_NEWS);
    if (r == -ENOMEM) {
        reader_free(reader);
        return r;
    }
    join(reader, stream);
    reader_due(reader);
    return 0;
}

void reader_go_alone(struct stream *stream)
{
    struct reader *old = stream->reader;
    struct reader *reader = reader_new(stream->streams, old->share, old->place, stream->voice->tenant);

    if (!reader ||
        (old->hanger.n_hooks && hooks_hang_like(stream->streams->worker->hooks, &reader->hanger, &old->hanger))) {
        if (reader)
            reader_free(reader);
        stream_end(stream, "out of memory");
        return;
    }
    part(stream);
    join(reader, stream);
    reader_due(reader);
}

bool reader_find_company(struct reader *reader)
{
    struct reader *other = find(reader->streams, reader->share, reader->place, reader);

    if (!other)
        return false;
    while (reader->first) {
        struct stream *stream = reader->first;

        part(stream);
        join(other, stream);
    }
    if (reader->woken)
        reader_due(other);
    reader_free(reader);
    return true;
}
