/* db_sqlstate.h — what an SQLSTATE means, for the queue (what to do next) and for the client (what to answer). */
#ifndef WHISTLED_DB_SQLSTATE_H
#define WHISTLED_DB_SQLSTATE_H

#include <stdbool.h>

#include "db.h"

enum db_reaction {
    REACT_ANSWER,  /* answer `outcome` */
    REACT_RETRY,   /* run again after a pause, a few times; then answer `outcome` */
    REACT_REPLACE, /* its plan is spoilt, or is not there: run again elsewhere, replace the connection */
    REACT_DEAD,    /* the connection is of no use any more */
    REACT_FULL,    /* answer `outcome`, and take no more writes for a while */
};

struct db_verdict {
    enum db_reaction reaction;
    enum db_outcome outcome; /* DB_KEY_BUSY only stands under an Idempotency-Key: db_sqlstate_outcome */
};

/* `fatal`: the server said FATAL or PANIC, and with it goodbye. An empty or NULL sqlstate (the connection broke) is
 * REACT_DEAD. */
struct db_verdict db_sqlstate_verdict(const char *sqlstate, bool fatal);

/* Whether such an error proves that what it was the answer to had no effect. What libpq made up has no state at all; a
 * connection exception may be a pooler's, in the server's place, or a node's that went away while it was to commit; an
 * internal error may be one of several nodes'. */
bool db_sqlstate_proves(const char *sqlstate);

/* 55P03 without an Idempotency-Key is an ordinary lock that was not had in time. */
enum db_outcome db_sqlstate_outcome(enum db_outcome outcome, bool has_key);

#endif
