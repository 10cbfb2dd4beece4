/* migrate_apply.c — numbered migrations: each once, each in its own transaction, none edited afterwards. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "migrate_internal.h"

static int refuse(const char *name, const char *sentence)
{
    fprintf(stderr, "whistled: the migration %s %s\n", name, sentence);
    return -EINVAL;
}

/* One row of what was applied against what this build knows under that number. */
static int check_applied(size_t expected, const char *number, const char *name, const char *sha256)
{
    const struct embedded_file *known;

    if (expected >= n_embedded_migrations)
        return refuse(name, "is in the database, but not in this build: the database is newer.");
    known = &embedded_migrations[expected];
    if (strtoul(number, NULL, 10) != expected + 1 || strcmp(known->name, name) != 0)
        return refuse(name, "is in the database where this build has another.");
    if (strcmp(known->sha256, sha256) != 0)
        return refuse(name, "was edited after it had been applied; a change needs a migration of its own.");
    return 0;
}

static int check_history(struct migration *migration, size_t *ret_applied)
{
    PGresult *result;
    int r = migrate_ask(migration, "read the migrations",
                        "SELECT number, name, sha256 FROM whistled.migrations ORDER BY number", 0, NULL, &result);
    int n;

    if (r)
        return r;
    n = PQntuples(result);
    for (int i = 0; i < n && !r; i++)
        r = check_applied((size_t)i, PQgetvalue(result, i, 0), PQgetvalue(result, i, 1), PQgetvalue(result, i, 2));
    PQclear(result);
    *ret_applied = (size_t)n;
    return r;
}

static int record(struct migration *migration, size_t index)
{
    const struct embedded_file *file = &embedded_migrations[index];
    char number[24];
    const char *values[] = {number, file->name, file->sha256};
    PGresult *result;
    int r;

    snprintf(number, sizeof number, "%zu", index + 1);
    r = migrate_ask(migration, "record the migration",
                    "INSERT INTO whistled.migrations (number, name, sha256) VALUES ($1, $2, $3)", 3, values, &result);
    if (!r)
        PQclear(result);
    return r;
}

static int apply_one(struct migration *migration, size_t index)
{
    int r = migrate_run(migration, "begin", "BEGIN; SET LOCAL search_path = whistled, public");

    if (!r)
        r = migrate_run_file(migration, "migrations", &embedded_migrations[index]);
    if (!r)
        r = record(migration, index);
    if (!r)
        r = migrate_run(migration, "commit the migration", "COMMIT");
    if (!r) {
        printf("Applied migration %s.\n", embedded_migrations[index].name);
        fflush(stdout);
    }
    return r;
}

int migrate_apply(struct migration *migration)
{
    size_t applied = 0;
    int r = check_history(migration, &applied);

    for (size_t i = applied; i < n_embedded_migrations && !r; i++)
        r = apply_one(migration, i);
    if (!r && applied == n_embedded_migrations)
        printf("The tables are up to date.\n");
    return r;
}
