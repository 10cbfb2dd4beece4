/* db.c — the queues in front of a worker's connections: who waits, who goes next, who has waited long enough. */
#include "db.h"

#include <stdio.h>

#include "db_internal.h"
#include "log.h"

void link_init(struct db_link *link)
{
    link->previous = link->next = link;
}

static void link_between(struct db_link *link, struct db_link *previous, struct db_link *next)
{
    link->previous = previous;
    link->next = next;
    previous->next = next->previous = link;
}

void link_append(struct db_link *head, struct db_link *link)
{
    link_between(link, head->previous, head);
}

void link_prepend(struct db_link *head, struct db_link *link)
{
    link_between(link, head, head->next);
}

void link_remove(struct db_link *link)
{
    link->previous->next = link->next;
    link->next->previous = link->previous;
    link_init(link);
}

bool link_empty(const struct db_link *head)
{
    return head->next == head;
}

struct db_call *link_call(struct db_link *link)
{
    return (struct db_call *)((char *)link - offsetof(struct db_call, link));
}

uint64_t db_now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* xorshift: jitter need not be secret. */
uint32_t db_random(struct db *db, uint32_t below)
{
    db->random ^= db->random << 13;
    db->random ^= db->random >> 7;
    db->random ^= db->random << 17;
    return (uint32_t)((db->random >> 16) % below);
}

static unsigned *queue_count(struct db *db, const struct db_call *call)
{
    if (call->not_before_ms != 0)
        return &db->n_delayed;
    return call->write ? &db->n_writes : &db->n_reads;
}

static void queue_remove(struct db *db, struct db_call *call)
{
    --*queue_count(db, call);
    call->not_before_ms = 0;
    link_remove(&call->link);
}

void db_requeue(struct db *db, struct db_call *call)
{
    call->where = CALL_QUEUED;
    call->segment = NULL;
    call->queued_ms = 0;
    link_prepend(call->write ? &db->writes : &db->reads, &call->link);
    ++*queue_count(db, call);
}

void db_delay(struct db *db, struct db_call *call, uint32_t pause_ms)
{
    call->where = CALL_QUEUED;
    call->segment = NULL;
    call->not_before_ms = db->now_ms + pause_ms;
    link_append(&db->delayed, &call->link);
    db->n_delayed++;
}

void db_finish(struct db *db, struct db_call *call, enum db_outcome outcome)
{
    call->where = CALL_FINISHED;
    call->segment = NULL;
    /* Its first run may have been committed: not having run it again does not make that untrue. */
    if (call->uncertain && outcome == DB_UNAVAILABLE)
        outcome = DB_OUTCOME_UNKNOWN;
    call->uncertain |= outcome == DB_OUTCOME_UNKNOWN;
    call->outcome = outcome;
    link_append(&db->finished, &call->link);
}

static void finish_saying(struct db *db, struct db_call *call, enum db_outcome outcome, const char *message)
{
    snprintf(call->message, sizeof(call->message), "%s", message);
    db_finish(db, call, outcome);
}

/* `done` may submit others, and by that change every list: so one at a time from the head. Those that finish
 * meanwhile are for the next turn, lest a caller that always tries again keeps us here. */
void db_deliver(struct db *db)
{
    struct db_link *last = db->finished.previous, *link;

    if (db->delivering)
        return;
    db->delivering = true;
    for (bool more = !link_empty(&db->finished); more;) {
        link = db->finished.next;
        more = link != last;
        link_remove(link);
        link_call(link)->where = CALL_NOT_HERE;
        link_call(link)->done(link_call(link));
    }
    db->delivering = false;
}

static bool away_too_long(const struct db *db, bool write)
{
    return db->away_since_ms[write] != 0 && db->now_ms > db->away_since_ms[write] + AWAY_GRACE_MS;
}

/* The object in the path is the first declared parameter: /v1/cases/{case_id}/accept. Groups lock in the order of
 * these: measured with a few hot rows, that is six times as many writes as in any order. */
static const char *object_of(const struct db_call *call)
{
    const struct statement *statement = call->statement;

    for (size_t i = 0; call->write && statement->arguments != NULL && i < statement->n_arguments; i++)
        if (statement->arguments[i].source == ARGUMENT_PARAMETER && statement->arguments[i].index == 0)
            return call->values[i];
    return NULL;
}

static void call_reset(struct db_call *call)
{
    link_init(&call->link);
    call->object = object_of(call);
    call->segment = NULL;
    call->not_before_ms = 0;
    call->retries = call->reruns = call->moves = call->group_failures = 0;
    call->solo = call->uncertain = call->shed = false;
    call->outcome = DB_BROKEN;
    call->sqlstate[0] = call->message[0] = '\0';
    call->result = NULL;
}

/* How long the first of them has waited. */
static uint64_t oldest_ms(const struct db *db, struct db_link *head)
{
    uint64_t queued_ms = link_empty(head) ? 0 : link_call(head->next)->queued_ms;

    return queued_ms != 0 && queued_ms < db->now_ms ? db->now_ms - queued_ms : 0;
}

static bool is_full(struct db *db, bool write)
{
    return db_waiting(db) >= db->settings.queue_limit ||
           !admission_admits(&db->admissions[write], write ? db->n_writes : db->n_reads,
                             oldest_ms(db, write ? &db->writes : &db->reads));
}

bool db_sheds(struct db *db, bool write)
{
    bool full = is_full(db, write);

    db->n_shed += full;
    return full;
}

void db_submit(struct db *db, struct db_call *call)
{
    call_reset(call);
    db->now_ms = db_now_ms();
    if (call->goes_on ? db_waiting(db) >= db->settings.queue_limit : is_full(db, call->write)) {
        call->shed = true;
        db->n_shed++;
        finish_saying(db, call, DB_UNAVAILABLE, "the queue is full");
        return;
    }
    if (away_too_long(db, call->write)) {
        finish_saying(db, call, DB_UNAVAILABLE, "the database is away");
        return;
    }

    if (call->deadline_ms < db->next_deadline_ms)
        db->next_deadline_ms = call->deadline_ms;
    call->where = CALL_QUEUED;
    call->queued_ms = db->now_ms;
    call->ahead = call->write ? db->n_writes : db->n_reads;
    link_append(call->write ? &db->writes : &db->reads, &call->link);
    ++*queue_count(db, call);
}

/* Its result, should it still come, is for nobody. */
static void call_detach(struct db_call *call)
{
    call->segment->calls[call->place] = NULL;
    call->segment = NULL;
}

void db_flush(struct db *db)
{
    db_send(db);
    db_deliver(db);
}

static void release_delayed(struct db *db, uint64_t *next_ms)
{
    for (struct db_link *link = db->delayed.next, *next; link != &db->delayed; link = next) {
        struct db_call *call = link_call(link);

        next = link->next;
        if (call->not_before_ms > db->now_ms) {
            if (call->not_before_ms < *next_ms)
                *next_ms = call->not_before_ms;
            continue;
        }
        queue_remove(db, call);
        db_requeue(db, call);
        *next_ms = db->now_ms;
    }
}

static void expire_call(struct db *db, struct db_call *call)
{
    enum db_outcome outcome = call->where == CALL_SENT && call->write ? DB_OUTCOME_UNKNOWN : DB_UNAVAILABLE;

    if (call->deadline_ms > db->now_ms) {
        if (call->deadline_ms < db->next_deadline_ms)
            db->next_deadline_ms = call->deadline_ms;
        return;
    }
    if (call->where == CALL_SENT)
        call_detach(call);
    else
        queue_remove(db, call);
    finish_saying(db, call, outcome, "the deadline has passed");
}

static void expire_queue(struct db *db, struct db_link *head)
{
    for (struct db_link *link = head->next, *next; link != head; link = next) {
        next = link->next;
        expire_call(db, link_call(link));
    }
}

static void expire_sent(struct db *db, struct db_connection *connection)
{
    for (unsigned i = 0; i < connection->n_segments; i++) {
        struct db_segment *segment = pipeline_segment(connection, i);

        for (unsigned k = 0; k < segment->n_calls; k++)
            if (segment->calls[k] != NULL)
                expire_call(db, segment->calls[k]);
    }
}

/* Only when the earliest deadline may have passed: all calls get about the same time, so this is seldom. */
static void expire(struct db *db)
{
    if (db->now_ms < db->next_deadline_ms)
        return;

    db->next_deadline_ms = UINT64_MAX;
    expire_queue(db, &db->reads);
    expire_queue(db, &db->writes);
    expire_queue(db, &db->delayed);
    for (unsigned i = 0; i < db->n_connections; i++)
        expire_sent(db, &db->connections[i]);
}

static void refuse_queue(struct db *db, struct db_link *head)
{
    while (!link_empty(head)) {
        struct db_call *call = link_call(head->next);

        queue_remove(db, call);
        finish_saying(db, call, DB_UNAVAILABLE, "the database is away");
    }
}

void db_refuse_waiting(struct db *db)
{
    refuse_queue(db, &db->reads);
    refuse_queue(db, &db->writes);
    refuse_queue(db, &db->delayed);
}

void db_check_away(struct db *db)
{
    bool stands[2] = {false, false};

    for (unsigned i = 0; i < db->n_connections; i++)
        stands[db->connections[i].write] |= db->connections[i].state == CONNECTION_UP;
    for (int write = 0; write < 2; write++)
        if (stands[write])
            db->away_since_ms[write] = 0;
        else if (db->away_since_ms[write] == 0)
            db->away_since_ms[write] = db->now_ms;
}

/* Who refuses thousands in a second must not write a line for each. */
static void tell_shed(struct db *db)
{
    if (db->n_shed == 0 || db->now_ms < db->tell_shed_ms)
        return;
    log_line(LOG_WARNING, "database: %u requests were refused: more come than can be answered in time", db->n_shed);
    db->n_shed = 0;
    db->tell_shed_ms = db->now_ms + SHED_REPORT_MS;
}

int db_tick(struct db *db, uint64_t now_ms, int most)
{
    uint64_t next_ms = now_ms + (uint64_t)most;

    db->now_ms = now_ms;
    for (unsigned i = 0; i < db->n_connections; i++)
        connection_tick(&db->connections[i], &next_ms);
    release_delayed(db, &next_ms);
    expire(db);
    for (int write = 0; write < 2; write++)
        if (away_too_long(db, write))
            refuse_queue(db, write ? &db->writes : &db->reads);
    db_flush(db);
    tell_shed(db);

    if (db->next_deadline_ms < next_ms)
        next_ms = db->next_deadline_ms;
    if (db->gathering_until_ms != 0 && db->gathering_until_ms < next_ms)
        next_ms = db->gathering_until_ms;
    if (!link_empty(&db->finished))
        next_ms = now_ms;
    return next_ms > now_ms ? (int)(next_ms - now_ms) : 0;
}

bool db_ready(const struct db *db)
{
    return db->away_since_ms[0] == 0 && db->away_since_ms[1] == 0 && db->now_ms >= db->full_until_ms;
}

unsigned db_waiting(const struct db *db)
{
    return db->n_reads + db->n_writes + db->n_delayed;
}

bool db_writing(const struct db *db)
{
    bool writing = db->n_writes;

    for (unsigned i = 0; i < db->n_connections; i++)
        writing = writing || (db->connections[i].write && db->connections[i].n_segments);
    return writing;
}

void db_call_clear(struct db_call *call)
{
    PQclear(call->result);
    call->result = NULL;
}
