/* db.h — a worker's connections to PostgreSQL: non-blocking, in pipeline mode, with a bounded queue in front.
 * Calls that wait at the same moment share one Sync, writes a transaction. */
#ifndef WHISTLED_DB_H
#define WHISTLED_DB_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

#include "contract.h"

/* What SQLSTATE and the connection's fate mean, decided in one place (db_sqlstate.c). */
enum db_outcome {
    DB_OK,
    DB_CONFLICT,        /* 23505, 23P01 → 409 conflict */
    DB_INVALID,         /* 23503, 23514, 22xxx → 422 */
    DB_KEY_BUSY,        /* 55P03 under an Idempotency-Key → 409 request_in_progress */
    DB_UNAVAILABLE,     /* shed, away, deadlock after retries, deadline → 503 */
    DB_OUTCOME_UNKNOWN, /* a write whose answer was lost → 503 outcome_unknown */
    DB_BROKEN,          /* everything else → 500, logged */
};

/* Of db.c alone: where a call is, and its place in a list. */
enum db_place { CALL_NOT_HERE, CALL_QUEUED, CALL_SENT, CALL_FINISHED };
struct db_link {
    struct db_link *previous, *next;
};

/* One statement to run for one request. The caller owns it and everything it points to until `done` was called.
 * Values are text; NULL is SQL NULL. Results are binary; of a statement that answers one row its columns may be packed
 * into one: row.h reads both. */
struct db_call {
    const struct statement *statement;
    const char *const *values;
    const char *tenant; /* groups are sorted by it, so that their locks are taken in one order; may be NULL */
    bool write;
    bool alone;
    bool on_record;       /* a read that writes who read: not answered before its Sync, which keeps that */
    bool has_key;         /* Idempotency-Key given: a lost answer may be run again */
    bool goes_on;         /* its request has had an answer from here already: refusing it now would waste that */
    uint64_t deadline_ms; /* CLOCK_MONOTONIC */
    void (*done)(struct db_call *call);
    void *context;

    /* Set before `done`. `result` belongs to the call: db_call_clear frees it. */
    enum db_outcome outcome;
    char sqlstate[6];
    char message[256]; /* for the log only */
    bool uncertain;    /* whatever the outcome, it or an earlier run of it may have been committed */
    bool shed;         /* never queued: there are more calls than can be answered */
    PGresult *result;

    /* Of db.c alone; db_submit sets them. */
    enum db_place where;
    struct db_link link;        /* CALL_QUEUED, CALL_FINISHED */
    uint64_t queued_ms;         /* 0: it is there again */
    unsigned ahead;             /* so many of its kind were there before it */
    const char *object;         /* what it locks first, as far as one can tell */
    struct db_segment *segment; /* CALL_SENT: the part of a pipeline */
    unsigned place;             /* in that segment */
    uint64_t not_before_ms;
    unsigned char retries, reruns, moves, group_failures;
    bool solo;
};

struct db;
struct db_settings {
    const char *url;
    const char *search_path;
    const char *zone;
    unsigned read_connections, write_connections;
    unsigned queue_limit;   /* calls waiting, over all; more are refused at once */
    unsigned queue_wait_ms; /* how long a call may wait there: see db_admission.h */
    unsigned group_limit;   /* writes in one transaction, 1…32 */
    unsigned statement_timeout_ms;
};

/* Starts connecting; synchronous only here: prepares every statement on the first connection and fails when one cannot
 * be prepared. Adds its descriptors to `epoll_fd` with data.ptr = a struct event_source (event.h).
 * Returns 0 or -Exxx, with a sentence for the operator in reterr_text (static or malloc'ed; caller frees). */
int db_new(const struct db_settings *settings, int epoll_fd, struct db **ret_db, char **reterr_text);
struct db *db_free(struct db *db);

/* Queues the call. Always ends in exactly one `done`, never before it returns: a refusal (queue full, no connection)
 * comes in the next db_flush. `done` may submit others and free its call; it must not free the db. */
void db_submit(struct db *db, struct db_call *call);
/* Would refuse such a call if it came now, and counts that as a refusal: for who wants to know before work is done. */
bool db_sheds(struct db *db, bool write);
/* To be called once a turn of the loop, after all events: forms groups and flushes. */
void db_flush(struct db *db);
/* Deadlines, reconnects. Returns milliseconds to the next thing to do, at most `most`. */
int db_tick(struct db *db, uint64_t now_ms, int most);
/* A read and a write connection stand, and the database is not short of space or connections. */
bool db_ready(const struct db *db);
/* Calls not sent yet. */
unsigned db_waiting(const struct db *db);
/* A write waits, or is under way. */
bool db_writing(const struct db *db);
void db_call_clear(struct db_call *call);

/* What the prepared statement answers, learned at start: for binding encoders. */
int db_describe(struct db *db, const struct statement *statement, const PGresult **ret_description);
/* They are a megabyte, and of no use once all is bound. */
void db_forget_descriptions(struct db *db);

#endif
