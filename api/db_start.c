/* db_start.c — makes and ends a worker's set of connections. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "db_internal.h"

/* `api_x, whistled` → `api_x` */
static char *first_schema(const char *search_path)
{
    return strndup(search_path, strcspn(search_path, ", "));
}

static int seed(struct db *db)
{
    if (getrandom(&db->random, sizeof(db->random), 0) != (ssize_t)sizeof(db->random))
        return -EIO;
    db->random |= 1;
    return 0;
}

static int make_connections(struct db *db)
{
    db->n_connections = db->settings.read_connections + db->settings.write_connections;
    db->connections = calloc(db->n_connections, sizeof(*db->connections));
    if (db->connections == NULL) {
        db->n_connections = 0;
        return -ENOMEM;
    }
    for (unsigned i = 0; i < db->n_connections; i++)
        connection_init(&db->connections[i], db, i >= db->settings.read_connections);
    return 0;
}

static int make(const struct db_settings *settings, int epoll_fd, struct db *db)
{
    db->settings = *settings;
    if (db->settings.group_limit < 1 || db->settings.group_limit > GROUP_MAX)
        db->settings.group_limit = GROUP_MAX;
    if (db->settings.read_connections == 0 || db->settings.write_connections == 0)
        return -EINVAL;
    /* The server gives up a little before the caller does: then even a slow write's end is known. */
    db->settings.statement_timeout_ms -= db->settings.statement_timeout_ms / 10;
    db->epoll_fd = epoll_fd;
    db->contract = &contract;
    db->next_deadline_ms = UINT64_MAX;
    db->now_ms = db_now_ms();
    for (int write = 0; write < 2; write++)
        admission_init(&db->admissions[write], settings->queue_limit, settings->queue_wait_ms);
    db->first_schema = first_schema(settings->search_path);
    db->descriptions = calloc(db->contract->n_statements + 1, sizeof(PGresult *));
    if (db->first_schema == NULL || db->descriptions == NULL)
        return -ENOMEM;
    return seed(db);
}

int db_new(const struct db_settings *settings, int epoll_fd, struct db **ret_db, char **reterr_text)
{
    struct db *db = calloc(1, sizeof(*db));
    int r;

    *reterr_text = NULL;
    if (db == NULL)
        return -ENOMEM;
    link_init(&db->reads);
    link_init(&db->writes);
    link_init(&db->delayed);
    link_init(&db->finished);
    r = make(settings, epoll_fd, db);
    if (r == 0)
        r = make_connections(db);
    if (r == 0)
        r = connection_start_first(&db->connections[0], reterr_text);
    if (r < 0) {
        db_free(db);
        return r;
    }
    db_check_away(db);
    db_tick(db, db_now_ms(), 0); /* the others start connecting */
    *ret_db = db;
    return 0;
}

static void end_connection(struct db_connection *connection)
{
    connection->leaving = true; /* not a fault: not logged as one */
    connection_lost(connection, "end");
    connection_close(connection); /* the first one's, where it never stood */
}

void db_forget_descriptions(struct db *db)
{
    for (size_t i = 0; db->descriptions != NULL && i < db->contract->n_statements; i++)
        PQclear(db->descriptions[i]);
    free(db->descriptions);
    db->descriptions = NULL;
}

struct db *db_free(struct db *db)
{
    if (db == NULL)
        return NULL;
    for (unsigned i = 0; i < db->n_connections; i++)
        end_connection(&db->connections[i]);
    db->settings.queue_limit = 0;
    for (int turn = 0; turn < 3; turn++) { /* `done` may submit once more, and hears at once that it is too late */
        db_refuse_waiting(db);
        db_deliver(db);
    }
    db_forget_descriptions(db);
    free(db->connections);
    free(db->first_schema);
    free(db);
    return NULL;
}

int db_describe(struct db *db, const struct statement *statement, const PGresult **ret_description)
{
    if (statement->index >= db->contract->n_statements || db->descriptions == NULL ||
        db->descriptions[statement->index] == NULL)
        return -ENOENT;
    *ret_description = db->descriptions[statement->index];
    return 0;
}
