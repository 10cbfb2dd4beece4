/* stream_read.c — the feed read for streams: those that stand at the same place with the same sight are read for once.
 */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "log.h"
#include "stream_internal.h"
#include "worker.h"

enum { SEAL_ARENA = 1024 * 1024 };

struct voice *voice_new(const char *const *values, size_t n)
{
    size_t size = sizeof(struct voice) + n * sizeof(char *);
    struct voice *voice;
    char *text;

    for (size_t i = 0; i < n; i++)
        size += values[i] ? strlen(values[i]) + 1 : 0;
    voice = malloc(size);
    if (!voice)
        return NULL;
    *voice = (struct voice){.refs = 1, .n = n};
    text = (char *)&voice->values[n];
    for (size_t i = 0; i < n; i++) {
        size = values[i] ? strlen(values[i]) + 1 : 0;
        voice->values[i] = values[i] ? memcpy(text, values[i], size) : NULL;
        text += size;
    }
    voice->tenant = voice->values[0];
    voice->subject = voice->values[1];
    return voice;
}

struct voice *voice_free(struct voice *voice)
{
    if (voice && !--voice->refs)
        free(voice);
    return NULL;
}

struct cursor_scope stream_scope(const struct worker *worker, const char *tenant)
{
    return (struct cursor_scope){
        .key = worker->service->cursor_key, .operation = "events.stream", .tenant = tenant, .subject = ""};
}

const char *stream_seal(struct streams *streams, struct arena *arena, const char *tenant, const char *place)
{
    struct cursor_scope scope = stream_scope(streams->worker, tenant);

    return cursor_seal(arena, &scope, place);
}

/* Everything of the statement but whose rights, where and how much. */
const char *stream_share(struct arena *arena, const struct streams *streams, const struct voice *voice,
                         const char *class)
{
    const char *share = arena_printf(arena, "%s\x1f%s", voice->tenant, class);

    for (size_t i = STREAM_RIGHTS; share && i < voice->n; i++)
        if (i != streams->cursor && i != streams->limit_value)
            share = arena_printf(arena, "%s\x1f%s", share, voice->values[i] ? voice->values[i] : "");
    return share;
}

/* Queries ---------------------------------------------------------------------------------------------------------- */

static struct query *query_new(struct streams *streams, struct voice *voice, const struct statement *statement,
                               void (*done)(struct db_call *call))
{
    struct query *query = calloc(1, sizeof *query + voice->n * sizeof(char *));

    if (!query)
        return NULL;
    query->streams = streams;
    query->voice = voice;
    voice->refs++;
    memcpy(query->values, voice->values, voice->n * sizeof(char *));
    query->call = (struct db_call){
        .statement = statement,
        .values = query->values,
        .tenant = voice->tenant,
        .deadline_ms = streams->now_ms + streams->worker->service->config->request_timeout_ms,
        .done = done,
        .context = query,
    };
    return query;
}

static void query_run(struct query *query)
{
    query->streams->n_queries++;
    db_submit(query->streams->worker->db, &query->call);
}

static void query_free(struct query *query)
{
    query->streams->n_queries--;
    db_call_clear(&query->call);
    voice_free(query->voice);
    free(query);
}

static void note_error(const struct db_call *call)
{
    if (call->outcome == DB_BROKEN)
        log_line(LOG_ERROR, "stream: %s: %s %s", call->statement->name, call->sqlstate, call->message);
}

/* Readings --------------------------------------------------------------------------------------------------------- */

static bool add_event(struct reader *reader, struct arena *arena, const PGresult *result, int row, struct buffer *text)
{
    struct streams *streams = reader->streams;
    const struct binding *binding = streams->worker->service->bindings[streams->operation->index];
    const char *place = answer_text(result, row, "_cursor");
    const char *id = place ? stream_seal(streams, arena, reader->hanger.tenant, place) : NULL;
    const struct encoding encoding = {.zone = streams->worker->zone, .offers = streams->worker->service->offers};

    if (!id)
        return false;
    buffer_add_text(text, "id: ");
    buffer_add_text(text, id);
    buffer_add_text(text, "\ndata: ");
    if (encode_row(binding, result, row, &encoding, text))
        return false;
    buffer_add_text(text, "\n\n");
    return !text->failed;
}

/* All rows but the last are events; that one says how far was looked. NULL: memory is out, or a row breaks the
 * contract. */
static struct chunk *chunk_of(struct reader *reader, const PGresult *result)
{
    struct arena *arena = arena_new(SEAL_ARENA);
    struct buffer text = {.size = 0};
    struct chunk *chunk = NULL;
    bool fine = arena;

    for (int row = 0; fine && row < PQntuples(result) - 1; row++)
        fine = add_event(reader, arena, result, row, &text);
    if (fine)
        chunk = chunk_new(text.data ? text.data : "", text.size);
    arena_free(arena);
    buffer_free(&text);
    return chunk;
}

static void end_all_of(struct reader *reader, const char *why)
{
    /* The last one takes the reader with it. */
    for (struct stream *stream = reader->first, *next; stream; stream = next) {
        next = stream->next_read;
        stream_end(stream, why);
    }
}

/* Every stream gets the same text. Whoever has not taken what it was given before is too slow for company: one page may
 * be more than that. `moved`: the place is another, even if there was nothing to show. */
static void hand_out(struct reader *reader, struct chunk *chunk, unsigned n_events, bool moved)
{
    for (struct stream *stream = reader->first, *next; stream; stream = next) {
        bool slow = stream->queued > STREAM_QUEUE_HIGH;

        next = stream->next_read;
        stream->n_events += n_events;
        stream->moved = (stream->moved || moved) && !chunk->size;
        if (chunk->size)
            stream_push(stream, chunk);
        if (slow && !stream->ended && reader->n > 1)
            reader_go_alone(stream);
    }
}

/* The place was lost or swept: whoever stands there is told, and goes on at the end. */
static struct chunk *reset_chunk(struct reader *reader, const char *place)
{
    struct arena *arena = arena_new(SEAL_ARENA);
    const char *id = arena ? stream_seal(reader->streams, arena, reader->hanger.tenant, place) : NULL;
    const char *text =
        id ? arena_printf(arena, "event: reset\nid: %s\ndata: {\"code\":\"cursor_reset\"}\n\n", id) : NULL;
    struct chunk *chunk = text ? chunk_new(text, strlen(text)) : NULL;

    arena_free(arena);
    return chunk;
}

/* Streams end meanwhile; the last one does not take the reader with it. */
static void hold(struct reader *reader)
{
    reader->held = true;
}

static bool let_go(struct reader *reader)
{
    reader->held = false;
    if (reader->n)
        return true;
    reader_free(reader);
    return false;
}

/* The rights that were read with are none any more; those of the others may be. */
static void end_voice(struct reader *reader, const struct voice *voice, const char *code)
{
    hold(reader);
    for (struct stream *stream = reader->first, *next; stream; stream = next) {
        next = stream->next_read;
        if (stream->voice == voice)
            stream_end(stream, code);
    }
    if (let_go(reader))
        reader_due(reader);
}

static void take_page(struct reader *reader, const struct voice *voice, const PGresult *result)
{
    int last = PQntuples(result) - 1;
    const char *code = last < 0 ? "internal" : answer_text(result, last, "_code");
    const char *place = last < 0 ? NULL : answer_text(result, last, "_cursor");
    bool reset = code && !strcmp(code, "cursor_reset"), moved, more;
    struct chunk *chunk;

    if (!place && last > 0)
        place = answer_text(result, last - 1, "_cursor");
    if (code && !reset) {
        end_voice(reader, voice, code);
        return;
    }
    chunk = !place ? NULL : reset ? reset_chunk(reader, place) : chunk_of(reader, result);
    if (!chunk) {
        log_line(LOG_ERROR, "stream: a row does not fit its reply schema, or memory is out");
        end_all_of(reader, "internal");
        return;
    }
    more = answer_flag(result, last, "_more");
    moved = strcmp(reader->place, place) != 0;
    snprintf(reader->place, sizeof reader->place, "%s", place);
    hold(reader);
    hand_out(reader, chunk, (unsigned)last, moved);
    chunk_free(chunk);
    if (!let_go(reader))
        return;
    if (more)
        reader_due(reader);
    else if (!reader_find_company(reader))
        reader_rest(reader);
}

static void page_read(struct db_call *call)
{
    struct query *query = call->context;
    struct streams *streams = query->streams;
    struct reader *reader = query->reader;

    pace_end(&streams->worker->pace, streams->worker->now_ms);
    if (reader)
        reader->query = NULL;
    note_error(call);
    if (reader && call->outcome == DB_OK) {
        take_page(reader, query->voice, call->result);
    } else if (reader && call->outcome == DB_UNAVAILABLE) {
        reader->woken = reader->later = true;
        reader->next_due = streams->later;
        streams->later = reader;
    } else if (reader) {
        end_all_of(reader, "internal");
    }
    query_free(query);
}

static void read_page(struct reader *reader)
{
    struct streams *streams = reader->streams;
    struct query *query = query_new(streams, reader->first->voice, streams->operation->statement, page_read);

    if (!query) {
        end_all_of(reader, "out of memory");
        return;
    }
    reader->woken = false;
    reader->query = query;
    query->reader = reader;
    snprintf(query->place, sizeof query->place, "%s", reader->place);
    query->values[streams->cursor] = query->place;
    query->values[streams->limit_value] = STREAM_PAGE;
    pace_begin(&streams->worker->pace, PACE_STREAMS, streams->now_ms);
    query_run(query);
}

/* Rights ----------------------------------------------------------------------------------------------------------- */

static void checked(struct db_call *call)
{
    struct query *query = call->context;
    struct stream *stream = query->stream;
    const PGresult *result = call->result;
    bool answered = call->outcome == DB_OK && PQntuples(result);
    const char *code = answered ? answer_code(result) : NULL;

    note_error(call);
    if (stream)
        stream->check = NULL;
    if (stream && code) {
        stream_end(stream, code);
    } else if (stream && answered) {
        struct arena *arena = arena_new(SEAL_ARENA);
        const char *class = answer_text(result, 0, "class");
        const char *share = arena && class ? stream_share(arena, query->streams, stream->voice, class) : NULL;

        if (!share || strcmp(share, stream->reader->share) != 0)
            stream_end(stream, "its rights were changed");
        arena_free(arena);
    } else if (stream) {
        stream->check_ms = query->streams->now_ms + STREAM_LATER_MS;
    }
    query_free(query);
}

void stream_check(struct stream *stream)
{
    struct streams *streams = stream->streams;

    if (stream->to_check)
        return;
    stream->to_check = true;
    stream->next_check = streams->checks;
    streams->checks = stream;
}

static void run_check(struct stream *stream)
{
    struct query *query = query_new(stream->streams, stream->voice, stream->streams->begin, checked);

    if (!query)
        return;
    /* Its own answer follows what is under way. */
    if (stream->check)
        stream->check->stream = NULL;
    stream->check = query;
    query->stream = stream;
    for (size_t i = STREAM_RIGHTS; i < query->call.statement->n_arguments && i < stream->voice->n; i++)
        query->values[i] = NULL;
    query_run(query);
}

void streams_read(struct streams *streams)
{
    while (streams->checks && streams->n_queries < STREAM_READS) {
        struct stream *stream = streams->checks;

        streams->checks = stream->next_check;
        stream->to_check = false;
        if (!stream->ended)
            run_check(stream);
    }
    while (streams->first_due && streams->n_queries < STREAM_READS &&
           pace_lets(&streams->worker->pace, streams->now_ms)) {
        struct reader *reader = streams->first_due;

        streams->first_due = reader->next_due;
        if (!streams->first_due)
            streams->last_due = NULL;
        reader->due = false;
        read_page(reader);
    }
}

void streams_read_later(struct streams *streams)
{
    while (streams->later) {
        struct reader *reader = streams->later;

        streams->later = reader->next_due;
        reader->later = false;
        reader_due(reader);
    }
}
