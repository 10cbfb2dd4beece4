/* migrate_internal.h — what the files of `whistled migrate` share. They may block: no client waits for them. */
#ifndef WHISTLED_MIGRATE_INTERNAL_H
#define WHISTLED_MIGRATE_INTERNAL_H

#include <libpq-fe.h>

#include "embedded.h"

/* All return 0, or -Exxx after having said in one sentence what is wrong. */

struct migration {
    PGconn *pg;
    const char *service_role;
};

/* Statements of ours without values. `what` says in the error what was to be done: "create the schema whistled". */
int migrate_run(struct migration *migration, const char *what, const char *sql);
/* The same with %I and %L of PostgreSQL's format() for `name`: identifiers never become part of a text here. */
int migrate_run_with(struct migration *migration, const char *what, const char *pattern, const char *name,
                     const char *other);
/* One embedded file; `folder` for the message. An error names the file and the line. */
int migrate_run_file(struct migration *migration, const char *folder, const struct embedded_file *file);
/* A query with text values; the result is the caller's. */
int migrate_ask(struct migration *migration, const char *what, const char *sql, int n, const char *const *values,
                PGresult **ret_result);

int migrate_apply(struct migration *migration);   /* db/migrations */
int migrate_release(struct migration *migration); /* db/procedures, grants, schemas of former releases */

#endif
