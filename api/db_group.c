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
        admission_learn(&db->admissions[call->write], call->ahead,
                        db->now_ms > call->queued_ms ? db->now_ms - call->queued_ms : 0);
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

static unsigned n_under_way(struct db_connection *connection)
{
    unsigned n = 0;

    for (unsigned i = 0; i < connection->n_segments; i++)
        n += pipeline_segment(connection, i)->n_calls;
    return n;
}

uint64_t db_gathers_until(struct db_connection *connection)
{
    /* Reads are answered one by one: as long as they are, it moves. Of writes nothing is heard before the end. */
    uint64_t until_ms = connection->write ? pipeline_segment(connection, 0)->sent_ms + GATHER_WRITES_MS
                                          : connection->heard_ms + GATHER_READS_MS;

    return n_under_way(connection) >= GATHER_FROM && until_ms > connection->db->now_ms ? until_ms : 0;
}

/* Where the next of those who wait go; NULL: nowhere yet. ret_until_ms: until when they wait for a group under way, 0:
 * for none. */
static struct db_connection *choose(struct db *db, bool write, uint64_t *ret_until_ms)
{
    unsigned first = write ? db->settings.read_connections : 0,
             end = write ? db->n_connections : db->settings.read_connections;
    unsigned most = write ? 1 : READ_SEGMENTS; /* a write's commit is all that its connection does */
    struct db_connection *least = NULL;

    *ret_until_ms = 0;
    for (unsigned i = first; i < end; i++) {
        struct db_connection *connection = &db->connections[i];

        if (!connection_takes(connection))
            continue;
        *ret_until_ms = db_gathers_until(connection);
        if (*ret_until_ms != 0)
            return connection->n_segments < most ? connection : NULL;
        if (connection->n_segments < most && (least == NULL || connection->n_segments < least->n_segments))
            least = connection;
    }
    return least;
}

static void send_waiting(struct db *db, bool write)
{
    const unsigned *n_waiting = write ? &db->n_writes : &db->n_reads;
    struct db_connection *connection;
    uint64_t until_ms = 0;

    while (*n_waiting > 0 && (connection = choose(db, write, &until_ms)) != NULL)
        send_group(connection, *n_waiting);
    if (*n_waiting > 0 && until_ms != 0 && (db->gathering_until_ms == 0 || until_ms < db->gathering_until_ms))
        db->gathering_until_ms = until_ms;
}

void db_send(struct db *db)
{
    db->gathering_until_ms = 0;
    send_waiting(db, false);
    send_waiting(db, true);
}
