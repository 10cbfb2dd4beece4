/* db_pipeline.c — sends segments into a connection's pipeline and reads their results, in order. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>

#include "db_internal.h"

enum { BINARY = 1 };

struct db_segment *pipeline_segment(struct db_connection *connection, unsigned i)
{
    return &connection->segments[(connection->first + i) % PIPELINE_DEPTH];
}

void segment_clear(struct db_segment *segment)
{
    for (unsigned i = 0; i < segment->n_calls; i++)
        PQclear(segment->results[i]);
    memset(segment, 0, sizeof(*segment));
}

static struct db_segment *segment_open(struct db_connection *connection, enum segment_kind kind)
{
    struct db_segment *segment;

    if (connection->n_segments == PIPELINE_DEPTH)
        return NULL;
    segment = pipeline_segment(connection, connection->n_segments);
    memset(segment, 0, sizeof(*segment));
    segment->kind = kind;
    segment->sent_ms = connection->db->now_ms;
    if (connection->n_segments == 0)
        connection->heard_ms = connection->db->now_ms;
    connection->n_segments++;
    return segment;
}

/* Ends the segment with its Sync. libpq 15 also flushes here: one system call per segment. */
static int segment_close(struct db_connection *connection)
{
    pipeline_segment(connection, connection->n_segments - 1)->synced = true;
    if (!PQpipelineSync(connection->pg))
        return -EIO;
    return pipeline_flush(connection);
}

int pipeline_flush(struct db_connection *connection)
{
    int left = PQflush(connection->pg);

    if (left < 0)
        return -EIO;
    connection_watch(connection, left > 0 ? EPOLLIN | EPOLLOUT : EPOLLIN);
    return 0;
}

static int send_prepared(struct db_connection *connection, struct db_segment *segment, const char *name, size_t n,
                         const char *const *values)
{
    if (!PQsendQueryPrepared(connection->pg, name, (int)n, values, NULL, NULL, BINARY))
        return -EIO;
    segment->n_commands++;
    return 0;
}

static int send_prepare(struct db_connection *connection, struct db_segment *segment, const char *name, const char *sql,
                        size_t n_types, const uint32_t *types)
{
    if (!PQsendPrepare(connection->pg, name, sql, (int)n_types, types))
        return -EIO;
    segment->n_commands++;
    return 0;
}

/* libpq has the columns described with every answer. Of one row with eighty columns that is more than the row, and
 * taking it in was two fifths of what a read costs here; so they come as one column (row.h). Citus cannot send rows
 * without a named type from one node to another: there they come as they are. */
static int send_statement(struct db_connection *connection, struct db_segment *segment,
                          const struct statement *statement)
{
    bool packs = connection->db->packs && statement->packed != NULL;

    return send_prepare(connection, segment, statement->name, packs ? statement->packed : statement->sql,
                        statement->argument_types != NULL ? statement->n_arguments : 0, statement->argument_types);
}

/* Before any of it is sent: whatever fails then, the segment knows whose it was. */
static void take_calls(struct db_segment *segment, struct db_call **calls, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        calls[i]->where = CALL_SENT;
        calls[i]->segment = segment;
        calls[i]->place = i;
        segment->calls[i] = calls[i];
    }
    segment->n_calls = n;
}

static int send_calls(struct db_connection *connection, struct db_segment *segment)
{
    int r = 0;

    for (unsigned i = 0; i < segment->n_calls && r == 0; i++) {
        const struct db_call *call = segment->calls[i];

        r = send_prepared(connection, segment, call->statement->name, call->statement->n_arguments, call->values);
    }
    return r;
}

/* BEGIN is written out: without it one node rolls the whole back on an error, several nodes do not. */
static int send_transaction(struct db_connection *connection, struct db_segment *segment)
{
    int r = send_prepared(connection, segment, "_begin", 0, NULL);

    if (r == 0)
        r = send_prepared(connection, segment, "_patience", 0, NULL);
    segment->first_call = segment->n_commands;
    if (r == 0)
        r = send_calls(connection, segment);
    return r < 0 ? r : send_prepared(connection, segment, "_commit", 0, NULL);
}

static int send_segment(struct db_connection *connection, struct db_call **calls, unsigned n, enum segment_kind kind)
{
    struct db_segment *segment = segment_open(connection, kind);
    int r;

    if (segment == NULL) {
        for (unsigned i = n; i-- > 0;)
            db_requeue(connection->db, calls[i]);
        return -EIO;
    }
    take_calls(segment, calls, n);
    r = kind == SEGMENT_GROUP ? send_transaction(connection, segment) : send_calls(connection, segment);
    return r < 0 ? r : segment_close(connection);
}

int pipeline_send_reads(struct db_connection *connection, struct db_call **calls, unsigned n)
{
    return send_segment(connection, calls, n, SEGMENT_READ);
}

int pipeline_send_writes(struct db_connection *connection, struct db_call **calls, unsigned n)
{
    return send_segment(connection, calls, n, n == 1 ? SEGMENT_WRITE : SEGMENT_GROUP);
}

int pipeline_send_rollback(struct db_connection *connection)
{
    struct db_segment *segment = segment_open(connection, SEGMENT_ROLLBACK);

    if (segment == NULL || send_prepared(connection, segment, "_rollback", 0, NULL) < 0)
        return -EIO;
    return segment_close(connection);
}

int pipeline_send_setup(struct db_connection *connection)
{
    static const char *const helpers[][2] = {
        {"_begin", "BEGIN"},
        /* Members of two groups can lock each other's rows in opposite order. A group gives up soon, and its members,
         * run one by one, cannot: better than a second of waiting for the deadlock detector. */
        {"_patience", "SET LOCAL lock_timeout = '100ms'"},
        {"_commit", "COMMIT"},
        {"_rollback", "ROLLBACK"},
    };
    struct db *db = connection->db;
    struct db_segment *segment = segment_open(connection, SEGMENT_SETUP);
    const char *schema[] = {db->first_schema};
    int r = 0;

    if (segment == NULL || !PQsendQueryParams(connection->pg, "SELECT 1 FROM pg_namespace WHERE nspname = $1", 1, NULL,
                                              schema, NULL, NULL, BINARY))
        return -EIO;
    segment->n_commands = 1;
    for (size_t i = 0; i < sizeof(helpers) / sizeof(helpers[0]) && r == 0; i++)
        r = send_prepare(connection, segment, helpers[i][0], helpers[i][1], 0, NULL);
    for (size_t i = 0; i < db->contract->n_statements && r == 0; i++)
        r = send_statement(connection, segment, &db->contract->statements[i]);
    return r < 0 ? r : segment_close(connection);
}

/* The first line: that is what goes into a log. */
static void copy_text(char *target, size_t size, const char *text)
{
    if (text == NULL)
        text = "";
    snprintf(target, size, "%.*s", (int)strcspn(text, "\n"), text);
}

void segment_note_loss(struct db_segment *segment, const char *why)
{
    if (!segment->failed)
        copy_text(segment->message, sizeof(segment->message), why);
}

static void segment_fail(struct db_segment *segment, const PGresult *result)
{
    const char *severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);
    const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);

    if (segment->failed)
        return;
    segment->failed = true;
    segment->failed_at = segment->position;
    segment->fatal = severity != NULL && strcmp(severity, "ERROR") != 0;
    copy_text(segment->sqlstate, sizeof(segment->sqlstate), PQresultErrorField(result, PG_DIAG_SQLSTATE));
    copy_text(segment->message, sizeof(segment->message), message != NULL ? message : PQresultErrorMessage(result));
}

/* Keeps a write's rows until the Sync has been read; everything else is only looked at. */
static void segment_take(struct db_connection *connection, struct db_segment *segment, PGresult *result)
{
    unsigned place = segment->position - segment->first_call;
    bool of_call = segment->position >= segment->first_call && place < segment->n_calls;

    switch (PQresultStatus(result)) {
    case PGRES_TUPLES_OK:
    case PGRES_COMMAND_OK:
        if (segment->kind == SEGMENT_GROUP && place == segment->n_calls)
            segment->committed = strcmp(PQcmdStatus(result), "COMMIT") == 0;
        if (segment->kind == SEGMENT_SETUP && segment->position == 0 && PQntuples(result) == 0) {
            segment->failed = true;
            copy_text(segment->message, sizeof(segment->message), "the schema is not there: run whistled migrate");
        }
        if (of_call && segment->calls[place] != NULL) {
            segment->results[place] = result;
            result = NULL;
            if (segment->kind == SEGMENT_READ && !segment->calls[place]->on_record)
                outcome_of_read(connection, segment, place);
        }
        break;
    case PGRES_PIPELINE_ABORTED: /* has no SQLSTATE: the reason came before */
        break;
    default:
        segment_fail(segment, result);
    }
    PQclear(result);
    segment->position++;
}

/* After the Sync: everything this segment was about is known. */
static void segment_end(struct db_connection *connection)
{
    struct db_segment *segment = pipeline_segment(connection, 0);
    struct db_segment ended = *segment;

    memset(segment, 0, sizeof(*segment));
    connection->first = (connection->first + 1) % PIPELINE_DEPTH;
    connection->n_segments--;
    outcome_of_segment(connection, &ended);
    segment_clear(&ended);
}

/* False when there is nothing more to read or no connection any more. */
static bool take_result(struct db_connection *connection, unsigned *nulls)
{
    PGresult *result = PQgetResult(connection->pg);
    struct db_segment *segment = pipeline_segment(connection, 0);

    if (result == NULL)
        return ++*nulls < 2; /* one ends each command's results; two in a row: nothing is there */
    *nulls = 0;

    if (PQresultStatus(result) == PGRES_PIPELINE_SYNC) {
        PQclear(result);
        segment_end(connection);
        return connection->state != CONNECTION_DOWN;
    }
    segment_take(connection, segment, result);
    /* A server that says goodbye still looks connected to libpq. */
    if (segment->failed && db_sqlstate_verdict(segment->sqlstate, segment->fatal).reaction == REACT_DEAD &&
        (segment->fatal || segment->sqlstate[0] == '\0')) {
        connection_lost(connection, segment->message);
        return false;
    }
    return true;
}

void pipeline_read(struct db_connection *connection)
{
    bool alive = PQconsumeInput(connection->pg) == 1;
    unsigned nulls = 0;

    connection->heard_ms = connection->db->now_ms;
    while (connection->n_segments > 0 && !PQisBusy(connection->pg))
        if (!take_result(connection, &nulls))
            break;

    if (connection->state == CONNECTION_DOWN)
        return;
    if (!alive || PQstatus(connection->pg) == CONNECTION_BAD)
        connection_lost(connection, PQerrorMessage(connection->pg));
    else if (connection->n_segments == 0 && connection->leaving)
        connection_lost(connection, "replaced");
    else if (pipeline_flush(connection) < 0)
        connection_lost(connection, PQerrorMessage(connection->pg));
}
