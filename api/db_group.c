/* db_group.c — which of those who wait go to the database together, and on which connection. */
#include <string.h>

#include "db_internal.h"

static int compare_texts(const char *left, const char *right)
{
    return strcmp(left != NULL ? left : "", right != NULL ? right : "");
}

/* Stable, so that equals keep the order they came in. */
static void sort_calls(struct db_call **calls, unsigned n)
{
    for (unsigned i = 1; i < n; i++) {
        struct db_call *call = calls[i];
        unsigned j = i;

        for (; j > 0; j--) {
            int order = compare_texts(calls[j - 1]->tenant, call->tenant);

            if (order == 0)
                order = compare_texts(calls[j - 1]->object, call->object);
            if (order <= 0)
                break;
            calls[j] = calls[j - 1];
        }
        calls[j] = call;
    }
}

unsigned db_pick_group(struct db_link *waiting, unsigned most, struct db_call **ret_calls)
{
    unsigned n = 0;

    for (struct db_link *link = waiting->next, *next; link != waiting && n < most; link = next) {
        struct db_call *call = link_call(link);
        bool lonely = call->alone || call->solo;

        next = link->next;
        if (lonely && n > 0)
            continue; /* stays where it is: the head of the next turn */
        link_remove(link);
        ret_calls[n++] = call;
        if (lonely)
            break;
    }
    sort_calls(ret_calls, n);
    return n;
}

/* It leaves the queue for the database. */
static void learn_wait(struct db *db, const struct db_call *call)
{
    if (call->queued_ms != 0)
        admission_learn(&db->admissions[call->write], call->ahead, db->now_ms - call->queued_ms);
}

static bool has_under_way(const struct db_connection *connection, unsigned n_segments)
{
    return connection_takes(connection) && connection->n_segments == n_segments;
}

static void send_group(struct db_connection *connection, unsigned most)
{
    struct db *db = connection->db;
    struct db_call *calls[GROUP_MAX];
    unsigned n = db_pick_group(connection->write ? &db->writes : &db->reads,
                               most < db->settings.group_limit ? most : db->settings.group_limit, calls);
    int r;

    *(connection->write ? &db->n_writes : &db->n_reads) -= n;
    for (unsigned k = 0; k < n; k++)
        learn_wait(db, calls[k]);
    r = connection->write ? pipeline_send_writes(connection, calls, n) : pipeline_send_reads(connection, calls, n);
    if (r < 0)
        connection_lost(connection, PQerrorMessage(connection->pg));
}

/* Reads that find several connections with so much under way are dealt out evenly. */
static void send_reads(struct db *db, unsigned under_way)
{
    unsigned n_free = 0;

    for (unsigned i = 0; i < db->settings.read_connections; i++)
        n_free += has_under_way(&db->connections[i], under_way);
    for (unsigned i = 0; i < db->settings.read_connections && n_free > 0 && db->n_reads > 0; i++) {
        if (!has_under_way(&db->connections[i], under_way))
            continue;
        send_group(&db->connections[i], (db->n_reads + n_free - 1) / n_free);
        n_free--;
    }
}

uint64_t db_gathers_until(const struct db *db)
{
    for (unsigned i = db->settings.read_connections; i < db->n_connections; i++) {
        const struct db_connection *connection = &db->connections[i];
        const struct db_segment *segment = &connection->segments[connection->first];

        if (connection->n_segments > 0 && segment->kind == SEGMENT_GROUP && segment->n_calls >= GATHER_FROM &&
            segment->sent_ms + GATHER_MS > db->now_ms)
            return segment->sent_ms + GATHER_MS;
    }
    return 0;
}

/* A write's commit is all that its connection does. */
static void send_writes(struct db *db)
{
    db->gathering_until_ms = 0;
    for (unsigned i = db->settings.read_connections; i < db->n_connections && db->n_writes > 0; i++) {
        if (!has_under_way(&db->connections[i], 0))
            continue;
        db->gathering_until_ms = db_gathers_until(db);
        if (db->gathering_until_ms != 0)
            return;
        send_group(&db->connections[i], db->n_writes);
    }
}

void db_send(struct db *db)
{
    for (unsigned under_way = 0; under_way < READ_SEGMENTS && db->n_reads > 0; under_way++)
        send_reads(db, under_way);
    send_writes(db);
}
