/* stream_internal.h — what stream.c (opening, beats, ends), stream_read.c (the feed) and stream_out.c (sockets) share.
 */
#ifndef WHISTLED_STREAM_INTERNAL_H
#define WHISTLED_STREAM_INTERNAL_H

#include "db.h"
#include "event.h"
#include "hooks.h"
#include "request.h"
#include "stream.h"

/* Events of one reading. */
#define STREAM_PAGE "100"

enum {
    STREAM_RIGHTS = 6,             /* tenant, actor, roles, op_roles, org, areas: first in both statements */
    STREAM_PLACE = 64,             /* feed|<era>|<position> */
    STREAM_READS = 8,              /* at the same time, of one worker: who streams must not push aside who asks */
    STREAM_WRITES = 256,           /* in one turn, likewise */
    STREAM_QUEUE_HIGH = 64 * 1024, /* with so much unsent at the next reading, a stream goes on by itself */
    STREAM_QUEUE_LOW = 8 * 1024,   /* and reads on when so little is left */
    STREAM_SOCKET_BUFFER = 64 * 1024,
    STREAM_REST_MS = 200, /* between two readings: what comes meanwhile is read at once */
    STREAM_BEAT_MS = 15 * 1000,
    STREAM_STALL_MS = 30 * 1000,     /* nothing could be sent for so long: dropped */
    STREAM_LATER_MS = 1000,          /* the database is away */
    STREAM_CHECK_MS = 5 * 60 * 1000, /* what no notification tells: a grid held from today, an area moved */
    STREAM_STRANGER_MS = 30 * 1000,  /* who is unknown becomes known by a first report */
    STREAM_BUCKETS = 1024,
};

/* A text that several queues hold. */
struct chunk {
    unsigned refs;
    size_t size;
    char text[];
};

struct piece {
    struct piece *next;
    struct chunk *chunk;
};

/* Whose rights a reading has: the values of its statement, in one piece with their texts. */
struct voice {
    unsigned refs;
    size_t n;
    const char *tenant, *subject;
    const char *values[];
};

struct reader;
struct query;

struct stream {
    struct event_source source; /* first: epoll gives it back */
    struct hanger hanger;       /* under the keys that speak of its rights */
    struct streams *streams;
    struct stream *previous, *next; /* of all, by beat_ms */
    struct reader *reader;
    struct stream *previous_read, *next_read; /* of its reader's */
    struct stream *next_flush, *next_check;
    struct voice *voice;
    struct query *check; /* under way */
    int fd;
    struct piece *first, *last;
    size_t sent, queued; /* of the first piece; of all */
    uint64_t begun_ms, beat_ms, progress_ms, check_ms;
    int64_t expires_at; /* unix seconds */
    uint64_t n_events;
    bool to_flush, to_check;
    bool moved; /* its place is further than the last id it was sent */
    bool ended;
    char id[REQUEST_ID_SIZE];
};

/* One place in one feed, and the streams that stand there with the same sight and filters. */
struct reader {
    struct hanger hanger; /* first */
    struct streams *streams;
    struct reader **home, *next; /* in its bucket */
    struct reader *next_due;
    struct reader *previous_resting, *next_resting;
    struct stream *first;
    unsigned n;
    struct query *query; /* under way */
    uint64_t rest_ms;    /* its rest ends */
    bool woken, due, later, resting;
    bool held; /* goes on to be without streams for a moment */
    char place[STREAM_PLACE];
    char share[]; /* who may read together */
};

/* One statement under way. Whom it is for may have gone meanwhile: then both are NULL. */
struct query {
    struct db_call call;
    struct streams *streams;
    struct voice *voice;
    struct reader *reader;
    struct stream *stream;
    char place[STREAM_PLACE];
    const char *values[];
};

struct streams {
    struct worker *worker;
    const struct operation *operation;
    const struct statement *begin;
    size_t cursor, limit_value; /* which of the statement's values */
    unsigned limit, n, n_queries;
    struct stream *first, *last;
    struct reader *buckets[STREAM_BUCKETS];
    struct reader *first_due, *last_due, *later;
    struct reader *first_resting, *last_resting; /* all rest equally long */
    struct stream *first_flush, *last_flush;
    struct stream *checks;
    struct stream *buried; /* ended this turn, whose events may still name them; freed one turn later */
    struct chunk *beat;
    uint64_t now_ms, second_ms;
};

/* stream.c */
/* It has all it needs: from now on it is one of the streams. */
void stream_begin(struct stream *stream);
void stream_rights_changed(struct hanger *hanger, bool rights);
void stream_end(struct stream *stream, const char *why);

/* stream_out.c */
struct chunk *chunk_new(const char *text, size_t size);
struct chunk *chunk_free(struct chunk *chunk);
/* Queues it and holds it. Ends the stream when memory is out. */
void stream_push(struct stream *stream, struct chunk *chunk);
void stream_flush(struct stream *stream);
void stream_clear(struct stream *stream);
/* Writes what is queued, some streams a turn. Returns whether there is more. */
bool streams_flush(struct streams *streams);

/* stream_reader.c */
/* Sets the stream to where the reader with these keys stands, which is made if there is none. 0 or -ENOMEM. */
int reader_enter(struct stream *stream, const char *share, const char *place, const PGresult *begun);
void reader_leave(struct stream *stream);
/* More room in the stream's queue: what waited for it is read. */
void reader_go_on(struct reader *reader);
/* It is to read when it may. */
void reader_due(struct reader *reader);
/* It has read all there is: what comes now waits a moment for more. */
void reader_rest(struct reader *reader);
/* Those whose rest is over. Returns milliseconds to the next, at most `most`. */
int readers_rested(struct streams *streams, int most);
/* Who reads too slowly for company goes on alone, from the same place, when there is room again. */
void reader_go_alone(struct stream *stream);
/* Its streams join another that stands where it does. False: there is none. */
bool reader_find_company(struct reader *reader);
void reader_free(struct reader *reader);

/* stream_read.c */
/* The values begin with the rights. NULL when memory is out. */
struct voice *voice_new(const char *const *values, size_t n);
struct voice *voice_free(struct voice *voice);
/* A place in the feed, in the form of an event's id. */
const char *stream_seal(struct streams *streams, struct arena *arena, const char *tenant, const char *place);
void stream_check(struct stream *stream);
/* Starts what is due, as long as few run. */
void streams_read(struct streams *streams);
/* The database may be back. */
void streams_read_later(struct streams *streams);
/* The class of the stream and its filters, in the arena. */
const char *stream_share(struct arena *arena, const struct streams *streams, const struct voice *voice,
                         const char *class);

#endif
