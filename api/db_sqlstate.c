/* db_sqlstate.c — the one place that reads SQLSTATE. */
#include "db_sqlstate.h"

#include <stddef.h>
#include <string.h>

struct row {
    const char *prefix; /* a whole SQLSTATE, or the first two letters for its class; the first row that fits counts */
    struct db_verdict verdict;
};

static const struct row rows[] = {
    {"23505", {REACT_ANSWER, DB_CONFLICT}},
    {"23P01", {REACT_ANSWER, DB_CONFLICT}},
    {"23502", {REACT_ANSWER, DB_INVALID}},
    {"23503", {REACT_ANSWER, DB_INVALID}},
    {"23514", {REACT_ANSWER, DB_INVALID}},
    {"22P02", {REACT_ANSWER, DB_INVALID}},
    {"22P05", {REACT_ANSWER, DB_INVALID}},
    {"22001", {REACT_ANSWER, DB_INVALID}},
    {"22003", {REACT_ANSWER, DB_INVALID}},
    {"22007", {REACT_ANSWER, DB_INVALID}},
    {"22008", {REACT_ANSWER, DB_INVALID}},
    {"22021", {REACT_ANSWER, DB_INVALID}},
    {"40001", {REACT_RETRY, DB_UNAVAILABLE}},
    {"40P01", {REACT_RETRY, DB_UNAVAILABLE}},
    {"55P03", {REACT_ANSWER, DB_KEY_BUSY}},
    {"57014", {REACT_ANSWER, DB_UNAVAILABLE}},
    {"0A000", {REACT_REPLACE, DB_BROKEN}},
    {"26000", {REACT_REPLACE, DB_BROKEN}},
    {"53100", {REACT_FULL, DB_UNAVAILABLE}},
    {"53200", {REACT_FULL, DB_UNAVAILABLE}},
    {"53300", {REACT_FULL, DB_UNAVAILABLE}},
    {"25006", {REACT_DEAD, DB_UNAVAILABLE}},
    {"57P01", {REACT_DEAD, DB_UNAVAILABLE}},
    {"57P02", {REACT_DEAD, DB_UNAVAILABLE}},
    {"57P03", {REACT_DEAD, DB_UNAVAILABLE}},
    /* Without FATAL it is a node behind the server that is away (a worker of Citus): this connection still serves
       others. */
    {"08", {REACT_ANSWER, DB_UNAVAILABLE}},
};

struct db_verdict db_sqlstate_verdict(const char *sqlstate, bool fatal)
{
    const struct db_verdict dead = {REACT_DEAD, DB_UNAVAILABLE};

    if (fatal || sqlstate == NULL || sqlstate[0] == '\0')
        return dead;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (strncmp(sqlstate, rows[i].prefix, strlen(rows[i].prefix)) == 0)
            return rows[i].verdict;
    return (struct db_verdict){REACT_ANSWER, DB_BROKEN};
}

bool db_sqlstate_proves(const char *sqlstate)
{
    return sqlstate[0] != '\0' && strncmp(sqlstate, "08", 2) != 0 && strncmp(sqlstate, "XX", 2) != 0;
}

enum db_outcome db_sqlstate_outcome(enum db_outcome outcome, bool has_key)
{
    return outcome == DB_KEY_BUSY && !has_key ? DB_UNAVAILABLE : outcome;
}
