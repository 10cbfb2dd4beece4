/* db_internal.h — what db.c (queues), db_group.c (who goes together), db_pipeline.c (sending and reading) and
 * db_connection.c (coming and going) share.
 */
#ifndef WHISTLED_DB_INTERNAL_H
#define WHISTLED_DB_INTERNAL_H

#include "db.h"
#include "db_admission.h"
#include "db_sqlstate.h"
#include "event.h"

enum {
    GROUP_MAX = 32,
    READ_SEGMENTS = 2,                  /* under way per connection: one runs, the next is there when it ends */
    PIPELINE_DEPTH = READ_SEGMENTS + 1, /* room for rolling back */
    GATHER_FROM = 4,                    /* so many under way make those behind them wait for their end */
    GATHER_WRITES_MS = 100,             /* but no longer than this */
    GATHER_READS_MS = 50,               /* nor longer than this after the last answer */
    RETRIES_MAX = 3,                    /* of 40001 and 40P01 */
    CONNECT_TIMEOUT_MS = 5000,          /* per attempt, preparing included */
    BACKOFF_FIRST_MS = 25,
    BACKOFF_MOST_MS = 1000,
    AWAY_GRACE_MS = 1500,    /* with no connection for so long, calls are refused at once */
    FULL_PAUSE_MS = 3000,    /* after 53xxx: not ready for writes */
    SHED_REPORT_MS = 10000,  /* at most one line about refusals in this time */
    SILENCE_GRACE_MS = 5000, /* beyond statement_timeout: a connection that owes an answer so long is dead */
};

enum segment_kind {
    SEGMENT_READ,     /* calls: each is answered as soon as its result is there, but for those on record */
    SEGMENT_WRITE,    /* call: the Sync commits it */
    SEGMENT_GROUP,    /* BEGIN, SET LOCAL, calls, COMMIT */
    SEGMENT_ROLLBACK, /* ROLLBACK after a failed group */
    SEGMENT_SETUP,    /* of a new connection: is our schema there, then prepare everything */
};

/* What stands between two Syncs in a pipeline. */
struct db_segment {
    enum segment_kind kind;
    unsigned n_calls;
    unsigned n_commands;              /* calls and what stands around them */
    unsigned first_call;              /* commands before the first call */
    unsigned position;                /* commands answered so far */
    struct db_call *calls[GROUP_MAX]; /* NULL: answered before its result came (deadline, client gone) */
    PGresult *results[GROUP_MAX];
    uint64_t sent_ms;
    bool synced;    /* its Sync was given to libpq, or at once before it a group's COMMIT: before that nothing can have
                       been committed */
    bool committed; /* COMMIT was answered with COMMIT */
    bool failed;
    unsigned failed_at; /* command */
    bool fatal;
    char sqlstate[6];
    char message[256];
};

enum connection_state { CONNECTION_DOWN, CONNECTION_CONNECTING, CONNECTION_SETTING_UP, CONNECTION_UP };

struct db_connection {
    struct event_source source; /* first: epoll gives it back */
    struct db *db;
    PGconn *pg;
    enum connection_state state;
    bool write;
    bool leaving;                               /* takes nothing new, is replaced once its pipeline is empty */
    struct db_segment segments[PIPELINE_DEPTH]; /* a ring, in the order sent */
    unsigned first, n_segments;
    int watched_fd;
    uint32_t watched; /* epoll events */
    uint64_t retry_at_ms, give_up_at_ms, heard_ms;
    unsigned rotation; /* of a list of hosts: past those that never answered */
    unsigned failures; /* attempts to connect since it last stood */
};

struct db {
    struct db_settings settings;
    int epoll_fd;
    struct db_connection *connections; /* reads first */
    unsigned n_connections;
    struct db_link reads, writes, delayed, finished; /* heads */
    unsigned n_reads, n_writes, n_delayed;
    struct admission admissions[2]; /* [write] */
    unsigned n_shed;                /* since it was last told */
    uint64_t tell_shed_ms;
    uint64_t next_deadline_ms;   /* no call has an earlier one */
    uint64_t gathering_until_ms; /* some wait for those under way; 0: nobody does */
    uint64_t away_since_ms[2];   /* [write]: since when no connection stands; 0: one does */
    uint64_t full_until_ms;
    uint64_t random;
    uint64_t now_ms;
    bool delivering;
    bool packs;              /* one row's columns into one */
    unsigned rotation;       /* of a list of hosts */
    char *first_schema;      /* of the search_path: without it we are not ready */
    PGresult **descriptions; /* by statement.index */
    const struct contract *contract;
};

/* lists; a link that is in no list points to itself */
void link_init(struct db_link *link);
void link_append(struct db_link *head, struct db_link *link);
void link_prepend(struct db_link *head, struct db_link *link);
void link_remove(struct db_link *link);
bool link_empty(const struct db_link *head);
struct db_call *link_call(struct db_link *link);

/* db.c */
uint64_t db_now_ms(void);
uint32_t db_random(struct db *db, uint32_t below);
/* Moves a call that is in no list and no segment to the finished ones; `done` is called later. */
void db_finish(struct db *db, struct db_call *call, enum db_outcome outcome);
/* Back to the head of its queue, or for later. */
void db_requeue(struct db *db, struct db_call *call);
void db_delay(struct db *db, struct db_call *call, uint32_t pause_ms);
void db_deliver(struct db *db);
void db_check_away(struct db *db);
void db_refuse_waiting(struct db *db);

/* db_group.c */
/* What can go now, goes. */
void db_send(struct db *db);
/* Calls under way gather those behind them: two connections side by side keep each other from the processor, and one
 * commit for all of them costs less than two. So few as would hardly be missed gather nobody, and what stands still is
 * passed. Until when; 0: it does not. */
uint64_t db_gathers_until(struct db_connection *connection);
/* Fills ret_calls from the head of those waiting: one that goes alone, or up to `most` that share; sorted. */
unsigned db_pick_group(struct db_link *waiting, unsigned most, struct db_call **ret_calls);

/* db_outcome.c: what becomes of calls */
void outcome_of_segment(struct db_connection *connection, struct db_segment *segment);
/* A read's result is there: nothing behind it can undo it. */
void outcome_of_read(struct db_connection *connection, struct db_segment *segment, unsigned place);
/* The connection died with this segment under way. */
void outcome_of_lost(struct db_connection *connection, struct db_segment *segment);

/* db_pipeline.c */
int pipeline_send_reads(struct db_connection *connection, struct db_call **calls, unsigned n);
int pipeline_send_writes(struct db_connection *connection, struct db_call **calls, unsigned n);
int pipeline_send_rollback(struct db_connection *connection);
int pipeline_send_setup(struct db_connection *connection);
/* Reads what came. */
void pipeline_read(struct db_connection *connection);
int pipeline_flush(struct db_connection *connection);
struct db_segment *pipeline_segment(struct db_connection *connection, unsigned i);
void segment_clear(struct db_segment *segment);
/* For the log, where no error of its own says why it ends. */
void segment_note_loss(struct db_segment *segment, const char *why);

/* db_connection.c */
/* The only one that waits: connects, prepares and describes. 0 or -Exxx with a sentence (malloc'ed). */
int connection_start_first(struct db_connection *connection, char **reterr_text);
void connection_init(struct db_connection *connection, struct db *db, bool write);
void connection_close(struct db_connection *connection);
/* It is of no use any more: what it had under way is decided, it will be made anew. */
void connection_lost(struct db_connection *connection, const char *why);
void connection_set_up(struct db_connection *connection, const struct db_segment *segment);
void connection_tick(struct db_connection *connection, uint64_t *ret_next_ms);
void connection_watch(struct db_connection *connection, uint32_t events);
bool connection_takes(const struct db_connection *connection);

#endif
