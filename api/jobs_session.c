/* jobs_session.c — connecting, asking and sleeping, with an ear for the bell. */
#include "jobs_session.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conninfo.h"
#include "db_internal.h"
#include "log.h"

enum { CONNECT_MS = 8000, ANSWER_MS = 60000, STATEMENT_MS = 50000, RETRY_MOST_MS = 5000 };

/* Waits for the socket (events 0: only for time or bell). 1: it is ready, 0: time or bell, -1: the thread is to end. */
static int wait_for(struct session *session, short events, uint64_t until_ms)
{
    uint64_t now_ms = db_now_ms(), rings;
    struct pollfd polled[3] = {
        {.fd = session->bell_fd, .events = POLLIN},
        {.fd = session->pg != NULL ? PQsocket(session->pg) : -1, .events = events},
        {.fd = session->other != NULL ? session->other_fd : -1, .events = POLLIN},
    };
    int timeout_ms = until_ms > now_ms ? (int)(until_ms - now_ms) : 0;

    if (atomic_load(&session->stop))
        return -1;
    if (poll(polled, 3, timeout_ms) < 0 && errno != EINTR)
        return -1;
    if (polled[2].revents != 0)
        session->other(session->other_context);
    if ((polled[0].revents & POLLIN) != 0 && read(session->bell_fd, &rings, sizeof(rings)) == (ssize_t)sizeof(rings))
        session->hinted = true;
    if (atomic_load(&session->stop))
        return -1;
    return polled[1].revents != 0 ? 1 : 0;
}

void session_sleep(struct session *session, uint64_t until_ms)
{
    if (wait_for(session, POLLIN, until_ms) == 1 && !PQconsumeInput(session->pg))
        session_close(session);
}

void session_close(struct session *session)
{
    PQfinish(session->pg);
    session->pg = NULL;
}

static void ignore_notice(void *context, const PGresult *notice)
{
    (void)context;
    (void)notice;
}

static PGconn *start_connecting(const struct session *session)
{
    const struct conninfo_settings settings = {
        .url = session->url,
        .search_path = session->search_path,
        .zone = session->zone,
        .application_name = session->application_name,
        .statement_timeout_ms = STATEMENT_MS,
        .rotation = session->failures,
    };
    struct conninfo info;
    char *problem = NULL;
    PGconn *pg;

    if (conninfo_make(&settings, &info, &problem) < 0) {
        free(problem); /* the workers have said it */
        return NULL;
    }
    pg = PQconnectStartParams(info.keywords, info.values, /* expand_dbname= */ 0);
    conninfo_clear(&info);
    return pg;
}

static bool finish_connecting(struct session *session, uint64_t until_ms)
{
    PostgresPollingStatusType status = PGRES_POLLING_WRITING;

    if (session->pg == NULL || PQstatus(session->pg) == CONNECTION_BAD)
        return false;
    while (status == PGRES_POLLING_READING || status == PGRES_POLLING_WRITING) {
        int r = wait_for(session, status == PGRES_POLLING_READING ? POLLIN : POLLOUT, until_ms);

        if (r < 0 || db_now_ms() >= until_ms)
            return false;
        if (r == 1)
            status = PQconnectPoll(session->pg);
    }
    PQsetNoticeReceiver(session->pg, ignore_notice, NULL);
    return status == PGRES_POLLING_OK && PQsetnonblocking(session->pg, 1) == 0;
}

/* A position in the feed must not be seen before a crash can no longer take it back, whatever the installation allows
 * others. LISTEN takes no parameters; the channel is a word of our own. */
static bool set_up(struct session *session)
{
    char sql[64];

    PQclear(session_run(session,
                        "SELECT set_config('synchronous_commit', 'on', false)"
                        " WHERE current_setting('synchronous_commit') = 'off'",
                        0, NULL));

    if (session->pg == NULL || session->channel == NULL)
        return session->pg != NULL;
    snprintf(sql, sizeof(sql), "LISTEN %s", session->channel);
    PQclear(session_run(session, sql, 0, NULL));
    return session->pg != NULL;
}

bool session_stands(struct session *session, uint64_t now_ms, bool *ret_anew)
{
    uint64_t pause_ms;

    *ret_anew = false;
    if (session->pg != NULL && PQstatus(session->pg) == CONNECTION_OK)
        return true;
    session_close(session);
    if (now_ms < session->retry_at_ms)
        return false;

    session->pg = start_connecting(session);
    if (finish_connecting(session, now_ms + CONNECT_MS) && set_up(session)) {
        session->failures = 0;
        *ret_anew = true;
        return true;
    }
    if (!atomic_load(&session->stop) && (session->failures & (session->failures + 1)) == 0)
        log_line(LOG_WARNING, "%s: no database connection", session->application_name);
    session_close(session);
    pause_ms = session->failures < 6 ? 100u << session->failures : RETRY_MOST_MS;
    session->failures++;
    session->retry_at_ms = db_now_ms() + (pause_ms < RETRY_MOST_MS ? pause_ms : RETRY_MOST_MS);
    return false;
}

/* The last result of what was sent; NULL when the connection is gone or the thread is to end. */
static PGresult *read_answer(struct session *session, uint64_t until_ms)
{
    PGresult *last = NULL, *result;

    for (;;) {
        while (PQflush(session->pg) == 1)
            if (wait_for(session, POLLIN | POLLOUT, until_ms) < 0 || db_now_ms() >= until_ms)
                goto gone;
        while (PQisBusy(session->pg)) {
            int r = wait_for(session, POLLIN, until_ms);

            if (r < 0 || db_now_ms() >= until_ms || (r == 1 && !PQconsumeInput(session->pg)))
                goto gone;
        }
        result = PQgetResult(session->pg);
        if (result == NULL)
            return last;
        PQclear(last);
        last = result;
    }
gone:
    PQclear(last);
    return NULL;
}

PGresult *session_run(struct session *session, const char *sql, int n, const char *const *values)
{
    PGresult *result = NULL;

    if (session->pg == NULL)
        return NULL;
    if (PQsendQueryParams(session->pg, sql, n, NULL, values, NULL, NULL, 0))
        result = read_answer(session, db_now_ms() + ANSWER_MS);
    if (result == NULL) {
        session_close(session);
        return NULL;
    }
    if (PQresultStatus(result) == PGRES_TUPLES_OK || PQresultStatus(result) == PGRES_COMMAND_OK)
        return result;

    log_line(LOG_ERROR, "%s: %s: %s", session->application_name, sql,
             PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY));
    PQclear(result);
    return NULL;
}

long long session_run_number(struct session *session, const char *sql, int n, const char *const *values)
{
    PGresult *result = session_run(session, sql, n, values);
    long long number = -1;

    if (PQntuples(result) > 0 && PQnfields(result) > 0 && !PQgetisnull(result, 0, 0))
        number = strtoll(PQgetvalue(result, 0, 0), NULL, 10);
    PQclear(result);
    return number;
}
