/* db_connection.c — a connection comes, is prepared, stands, goes, and comes again. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "conninfo.h"
#include "db_internal.h"
#include "log.h"

bool connection_takes(const struct db_connection *connection)
{
    return connection->state == CONNECTION_UP && !connection->leaving;
}

void connection_watch(struct db_connection *connection, uint32_t events)
{
    int fd = PQsocket(connection->pg);
    struct epoll_event event = {.events = events, .data.ptr = &connection->source};

    if (fd < 0 || (fd == connection->watched_fd && events == connection->watched))
        return;
    connection->watched_fd = fd;
    connection->watched = events;
    if (epoll_ctl(connection->db->epoll_fd, EPOLL_CTL_MOD, fd, &event) < 0)
        epoll_ctl(connection->db->epoll_fd, EPOLL_CTL_ADD, fd, &event);
}

/* While connecting, libpq may close its socket and get another under the same number, which the epoll does not know. */
static void watch_anew(struct db_connection *connection, uint32_t events)
{
    connection->watched_fd = -1;
    connection_watch(connection, events);
}

static void ignore_notice(void *context, const PGresult *notice)
{
    (void)context;
    (void)notice;
}

void connection_close(struct db_connection *connection)
{
    if (connection->pg != NULL && PQsocket(connection->pg) >= 0)
        epoll_ctl(connection->db->epoll_fd, EPOLL_CTL_DEL, PQsocket(connection->pg), NULL);
    PQfinish(connection->pg);
    connection->pg = NULL;
    connection->watched_fd = -1;
    connection->state = CONNECTION_DOWN;
}

static uint32_t backoff_ms(struct db *db, unsigned failures)
{
    uint32_t pause = failures > 6 ? BACKOFF_MOST_MS : (uint32_t)BACKOFF_FIRST_MS << failures;

    if (pause > BACKOFF_MOST_MS)
        pause = BACKOFF_MOST_MS;
    return pause / 2 + db_random(db, pause);
}

/* Logged once when it falls and once for each power of two of failed attempts: an outage must not fill a disk. */
static void log_loss(const struct db_connection *connection, const char *why)
{
    const char *kind = connection->write ? "write" : "read";

    if (connection->leaving)
        log_line(LOG_DEBUG, "database: a %s connection is replaced", kind);
    else if ((connection->failures & (connection->failures - 1)) == 0)
        log_line(LOG_WARNING, "database: a %s connection is lost: %.*s", kind, (int)strcspn(why, "\n"), why);
}

void connection_lost(struct db_connection *connection, const char *why)
{
    struct db *db = connection->db;

    if (connection->state == CONNECTION_DOWN)
        return;
    log_loss(connection, why);
    connection->state = CONNECTION_DOWN;
    /* From the last to the first: each goes back to the head of its queue. */
    for (; connection->n_segments > 0; connection->n_segments--) {
        struct db_segment *segment = pipeline_segment(connection, connection->n_segments - 1);

        segment_note_loss(segment, why);
        outcome_of_lost(connection, segment);
        segment_clear(segment);
    }
    connection_close(connection);
    connection->leaving = false;
    connection->retry_at_ms = db->now_ms + backoff_ms(db, connection->failures);
    connection->failures++;
    db_check_away(db);
}

static int make_conninfo(const struct db_connection *connection, struct conninfo *ret_info, char **reterr_text)
{
    const struct db *db = connection->db;
    const struct conninfo_settings settings = {
        .url = db->settings.url,
        .search_path = db->settings.search_path,
        .zone = db->settings.zone,
        .application_name = "whistled",
        .statement_timeout_ms = db->settings.statement_timeout_ms,
        .rotation = connection->rotation,
    };

    return conninfo_make(&settings, ret_info, reterr_text);
}

static void connection_forget(struct db_connection *connection)
{
    connection->first = connection->n_segments = 0;
    connection->leaving = false;
}

static void connection_start(struct db_connection *connection)
{
    struct conninfo info;
    char *problem = NULL;

    connection->state = CONNECTION_CONNECTING;
    connection->give_up_at_ms = connection->db->now_ms + CONNECT_TIMEOUT_MS;
    connection_forget(connection);
    if (make_conninfo(connection, &info, &problem) < 0) {
        connection_lost(connection, problem != NULL ? problem : "out of memory");
        free(problem);
        return;
    }
    connection->pg = PQconnectStartParams(info.keywords, info.values, /* expand_dbname= */ 0);
    conninfo_clear(&info);
    if (connection->pg == NULL || PQstatus(connection->pg) == CONNECTION_BAD) {
        connection_lost(connection, PQerrorMessage(connection->pg));
        return;
    }
    PQsetNoticeReceiver(connection->pg, ignore_notice, NULL);
    watch_anew(connection, EPOLLOUT);
}

static int enter_pipeline(struct db_connection *connection)
{
    if (PQsetnonblocking(connection->pg, 1) != 0 || !PQenterPipelineMode(connection->pg))
        return -EIO;
    watch_anew(connection, EPOLLIN);
    return 0;
}

static void connection_poll(struct db_connection *connection)
{
    switch (PQconnectPoll(connection->pg)) {
    case PGRES_POLLING_READING:
        watch_anew(connection, EPOLLIN);
        break;
    case PGRES_POLLING_WRITING:
        watch_anew(connection, EPOLLOUT);
        break;
    case PGRES_POLLING_OK:
        connection->state = CONNECTION_SETTING_UP;
        if (enter_pipeline(connection) < 0 || pipeline_send_setup(connection) < 0)
            connection_lost(connection, PQerrorMessage(connection->pg));
        break;
    default:
        connection_lost(connection, PQerrorMessage(connection->pg));
    }
}

/* Where one stands, the database is there again: the others need not wait out their pauses. */
static void try_others(struct db *db)
{
    for (unsigned i = 0; i < db->n_connections; i++)
        db->connections[i].retry_at_ms = db->now_ms;
}

void connection_set_up(struct db_connection *connection, const struct db_segment *segment)
{
    if (segment->failed) {
        connection_lost(connection, segment->message);
        return;
    }
    if (connection->failures > 1)
        log_line(LOG_INFO, "database: a %s connection stands again", connection->write ? "write" : "read");
    try_others(connection->db);
    connection->state = CONNECTION_UP;
    connection->failures = 0;
    db_check_away(connection->db);
}

static void connection_ready(struct event_source *source, uint32_t events)
{
    struct db_connection *connection = (struct db_connection *)source;

    (void)events;
    connection->db->now_ms = db_now_ms();
    if (connection->state == CONNECTION_CONNECTING)
        connection_poll(connection);
    else if (connection->state != CONNECTION_DOWN)
        pipeline_read(connection);
    db_deliver(connection->db);
}

void connection_init(struct db_connection *connection, struct db *db, bool write)
{
    connection->source.ready = connection_ready;
    connection->db = db;
    connection->write = write;
    connection->watched_fd = -1;
    connection->state = CONNECTION_DOWN;
}

static void sooner(uint64_t *next_ms, uint64_t at_ms)
{
    if (at_ms < *next_ms)
        *next_ms = at_ms;
}

void connection_tick(struct db_connection *connection, uint64_t *next_ms)
{
    struct db *db = connection->db;
    uint64_t silent_until_ms = connection->heard_ms + db->settings.statement_timeout_ms + SILENCE_GRACE_MS;

    switch (connection->state) {
    case CONNECTION_DOWN:
        if (db->now_ms >= connection->retry_at_ms)
            connection_start(connection);
        sooner(next_ms, connection->state == CONNECTION_DOWN ? connection->retry_at_ms : connection->give_up_at_ms);
        break;
    case CONNECTION_CONNECTING:
    case CONNECTION_SETTING_UP:
        if (db->now_ms >= connection->give_up_at_ms) {
            connection->rotation++;
            connection_lost(connection, "no answer while connecting");
        }
        sooner(next_ms, connection->state == CONNECTION_DOWN ? connection->retry_at_ms : connection->give_up_at_ms);
        break;
    case CONNECTION_UP:
        if (connection->n_segments > 0 && db->now_ms >= silent_until_ms)
            connection_lost(connection, "no answer for too long");
        else if (connection->n_segments == 0 && connection->leaving)
            connection_lost(connection, "replaced");
        else if (connection->n_segments > 0)
            sooner(next_ms, silent_until_ms);
        break;
    }
}

static int fail(char **reterr_text, const char *what, const char *why)
{
    if (asprintf(reterr_text, "%s: %.*s", what, (int)strcspn(why, "\n"), why) < 0)
        *reterr_text = NULL;
    return -EIO;
}

/* Our schema is there; and on one node rows may come packed. */
static int check_schema(struct db_connection *connection, char **reterr_text)
{
    const char *schema[] = {connection->db->first_schema};
    PGresult *result = PQexecParams(connection->pg,
                                    "SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'citus') "
                                    "FROM pg_namespace WHERE nspname = $1",
                                    1, NULL, schema, NULL, NULL, 0);
    int r = 0;

    if (PQresultStatus(result) != PGRES_TUPLES_OK)
        r = fail(reterr_text, "database", PQerrorMessage(connection->pg));
    else if (PQntuples(result) == 0)
        r = fail(reterr_text, schema[0], "this schema is not in the database; run `whistled migrate` first");
    else
        connection->db->packs = PQgetvalue(result, 0, 0)[0] == 'f';
    PQclear(result);
    return r;
}

static int describe(struct db_connection *connection, const struct statement *statement, char **reterr_text)
{
    struct db *db = connection->db;
    size_t n_types = statement->argument_types != NULL ? statement->n_arguments : 0;
    PGresult *result =
        PQprepare(connection->pg, statement->name, statement->sql, (int)n_types, statement->argument_types);
    int r = 0;

    if (PQresultStatus(result) == PGRES_COMMAND_OK) {
        PQclear(result);
        result = PQdescribePrepared(connection->pg, statement->name);
    }
    if (PQresultStatus(result) != PGRES_COMMAND_OK)
        r = fail(reterr_text, statement->name, PQresultErrorMessage(result));
    else if ((size_t)PQnparams(result) != statement->n_arguments)
        r = fail(reterr_text, statement->name, "the number of its parameters is not that of its arguments");
    if (r < 0) {
        PQclear(result);
        return r;
    }
    db->descriptions[statement->index] = result;
    return 0;
}

static int connect_first(struct db_connection *connection, char **reterr_text)
{
    struct conninfo info;
    int r = make_conninfo(connection, &info, reterr_text);

    if (r < 0)
        return r;
    connection->pg = PQconnectdbParams(info.keywords, info.values, /* expand_dbname= */ 0);
    conninfo_clear(&info);
    if (PQstatus(connection->pg) != CONNECTION_OK)
        return fail(reterr_text, "database", PQerrorMessage(connection->pg));
    PQsetNoticeReceiver(connection->pg, ignore_notice, NULL);
    return 0;
}

int connection_start_first(struct db_connection *connection, char **reterr_text)
{
    struct db *db = connection->db;
    int r = connect_first(connection, reterr_text);

    if (r == 0)
        r = check_schema(connection, reterr_text);
    for (size_t i = 0; i < db->contract->n_statements && r == 0; i++)
        r = describe(connection, &db->contract->statements[i], reterr_text);
    if (r < 0)
        return r;

    /* It has everything but the helpers; set up like any other, it needs no rule of its own. */
    connection_close(connection);
    connection_start(connection);
    return 0;
}
