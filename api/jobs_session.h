/* jobs_session.h — a connection of a background thread: waits for answers, but never longer than the thread is to live.
 */
#ifndef WHISTLED_JOBS_SESSION_H
#define WHISTLED_JOBS_SESSION_H

#include <libpq-fe.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct session {
    const char *url, *search_path, *zone, *application_name;
    const char *channel; /* to LISTEN to; NULL: none */
    int bell_fd;         /* eventfd: a hint, or the end */
    atomic_bool stop;
    bool hinted;
    PGconn *pg;
    unsigned failures;
    uint64_t retry_at_ms;
    /* What else goes on in this thread, also while an answer is waited for; it must not use the session. */
    int other_fd;
    void (*other)(void *context); /* NULL: nothing */
    void *other_context;
};

/* Connects when it is due. True while it stands; ret_anew: it stands since this call. */
bool session_stands(struct session *session, uint64_t now_ms, bool *ret_anew);
/* Waits until something comes in, the bell rings or the time is there. */
void session_sleep(struct session *session, uint64_t until_ms);
/* Runs a statement. NULL when the connection is gone, the thread is to end, or the statement failed (logged). */
PGresult *session_run(struct session *session, const char *sql, int n, const char *const *values);
/* The first column of the first row as a number; -1 when it is NULL or there is none. */
long long session_run_number(struct session *session, const char *sql, int n, const char *const *values);
void session_close(struct session *session);

#endif
