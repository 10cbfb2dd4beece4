/* db_outcome.c — what becomes of calls when their segment has ended or its connection has died. */
#include <stdio.h>
#include <string.h>

#include "db_internal.h"

static void finish_with(struct db *db, struct db_call *call, const struct db_segment *segment, enum db_outcome outcome)
{
    memcpy(call->sqlstate, segment->sqlstate, sizeof(call->sqlstate));
    memcpy(call->message, segment->message, sizeof(call->message));
    db_finish(db, call, db_sqlstate_outcome(outcome, call->has_key));
}

static void finish_well(struct db *db, struct db_segment *segment, unsigned i)
{
    struct db_call *call = segment->calls[i];

    if (call == NULL)
        return;
    segment->calls[i] = NULL;
    call->result = segment->results[i];
    segment->results[i] = NULL;
    db_finish(db, call, DB_OK);
}

/* What an error says of the connection, whether or not its call still waits. */
static void connection_learns(struct db_connection *connection, const struct db_segment *segment)
{
    enum db_reaction reaction = db_sqlstate_verdict(segment->sqlstate, segment->fatal).reaction;

    if (!segment->failed)
        return;
    if (reaction == REACT_DEAD || reaction == REACT_REPLACE)
        connection->leaving = true;
    if (reaction == REACT_FULL)
        connection->db->full_until_ms = connection->db->now_ms + FULL_PAUSE_MS;
}

/* Run again at once, unless it was too often. */
static bool again(struct db *db, struct db_call *call, unsigned char *count, unsigned most)
{
    if (*count >= most)
        return false;
    ++*count;
    db_requeue(db, call);
    return true;
}

static bool retry_later(struct db *db, struct db_call *call)
{
    if (call->retries >= RETRIES_MAX)
        return false;
    call->retries++;
    db_delay(db, call, 2 + db_random(db, 10u << call->retries));
    return true;
}

/* An error of one call alone; its effects are undone. */
static void call_failed(struct db_connection *connection, const struct db_segment *segment, struct db_call *call)
{
    struct db *db = connection->db;
    struct db_verdict verdict = db_sqlstate_verdict(segment->sqlstate, segment->fatal);
    bool handled = false;

    switch (verdict.reaction) {
    case REACT_RETRY:
        handled = retry_later(db, call);
        break;
    case REACT_REPLACE: /* every connection may have to learn it, each once */
        handled = again(db, call, &call->moves, db->n_connections);
        break;
    case REACT_DEAD:
        handled = again(db, call, &call->reruns, 1);
        break;
    case REACT_ANSWER:
    case REACT_FULL:
        break;
    }
    if (!handled)
        finish_with(db, call, segment, verdict.outcome);
}

void outcome_of_read(struct db_connection *connection, struct db_segment *segment, unsigned place)
{
    finish_well(connection->db, segment, place);
}

/* Behind all calls: by the COMMIT, or a lone write's Sync. */
static bool failed_at_commit(const struct db_segment *segment)
{
    return segment->failed && segment->n_calls > 0 && segment->failed_at >= segment->first_call + segment->n_calls;
}

/* The error is the call's that caused it; those behind it were not run. */
static void calls_ended(struct db_connection *connection, struct db_segment *segment)
{
    connection_learns(connection, segment);
    for (unsigned i = segment->n_calls; i-- > 0;) {
        struct db_call *call = segment->calls[i];

        if (call == NULL)
            continue;
        if (!segment->failed)
            finish_well(connection->db, segment, i);
        else if (i == segment->failed_at || failed_at_commit(segment))
            call_failed(connection, segment, call);
        else
            db_requeue(connection->db, call);
    }
}

/* All of it was rolled back. Who caused it runs alone, so that the error is its own; the others may share once more. */
static void group_undone(struct db_connection *connection, struct db_segment *segment)
{
    bool at_commit = !segment->failed || failed_at_commit(segment);

    connection_learns(connection, segment);
    for (unsigned i = segment->n_calls; i-- > 0;) {
        struct db_call *call = segment->calls[i];

        if (call == NULL)
            continue;
        call->group_failures++;
        if (at_commit || segment->failed_at == segment->first_call + i || call->group_failures > 1)
            call->solo = true;
        db_requeue(connection->db, call);
    }
}

static void group_ended(struct db_connection *connection, struct db_segment *segment)
{
    if (segment->committed) {
        for (unsigned i = 0; i < segment->n_calls; i++)
            finish_well(connection->db, segment, i);
        return;
    }

    group_undone(connection, segment);
    if (PQtransactionStatus(connection->pg) != PQTRANS_IDLE && pipeline_send_rollback(connection) < 0)
        connection->leaving = true;
}

/* Nothing of a write was kept when its Sync never left, or when the server itself refused one of the calls: then the
 * COMMIT or Sync behind it found nothing to commit. */
static bool surely_undone(const struct db_segment *segment)
{
    if (segment->kind == SEGMENT_READ || !segment->synced)
        return true;
    return segment->failed && db_sqlstate_proves(segment->sqlstate) && !failed_at_commit(segment);
}

void outcome_of_lost(struct db_connection *connection, struct db_segment *segment)
{
    bool undone = surely_undone(segment);

    for (unsigned i = segment->n_calls; i-- > 0;) {
        struct db_call *call = segment->calls[i];

        if (call == NULL)
            continue;
        if (segment->committed) {
            finish_well(connection->db, segment, i);
            continue;
        }
        call->uncertain |= !undone;
        if ((undone || call->has_key) && again(connection->db, call, &call->reruns, 1))
            continue;
        finish_with(connection->db, call, segment, DB_UNAVAILABLE);
    }
}

void outcome_of_segment(struct db_connection *connection, struct db_segment *segment)
{
    if (failed_at_commit(segment) && !db_sqlstate_proves(segment->sqlstate)) {
        outcome_of_lost(connection, segment);
        return;
    }
    switch (segment->kind) {
    case SEGMENT_READ:
    case SEGMENT_WRITE:
        calls_ended(connection, segment);
        break;
    case SEGMENT_GROUP:
        group_ended(connection, segment);
        break;
    case SEGMENT_ROLLBACK:
        connection->leaving |= segment->failed;
        break;
    case SEGMENT_SETUP:
        connection_set_up(connection, segment);
        break;
    }
}
