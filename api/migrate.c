/* migrate.c — connects as the owner, keeps others out, and brings tables and procedures to this build. */
#include "migrate.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "migrate_internal.h"

/* Any number does, as long as every release of the service takes the same. */
#define LOCK "7236459173"

static const char bootstrap[] =
    "CREATE SCHEMA IF NOT EXISTS whistled;"
    "COMMENT ON SCHEMA whistled IS 'Tables of the service; its procedures are in api_<checksum>, one schema for each "
    "release';"
    "CREATE TABLE IF NOT EXISTS whistled.migrations ("
    "    number integer PRIMARY KEY,"
    "    name text NOT NULL,"
    "    sha256 text NOT NULL,"
    "    applied_at timestamptz NOT NULL DEFAULT clock_timestamp());"
    "COMMENT ON TABLE whistled.migrations IS 'Migrations that were applied to this database';"
    "COMMENT ON COLUMN whistled.migrations.number IS 'Its place in the order';"
    "COMMENT ON COLUMN whistled.migrations.name IS 'Name of its file';"
    "COMMENT ON COLUMN whistled.migrations.sha256 IS 'Of its text: one that was edited afterwards is refused';"
    "COMMENT ON COLUMN whistled.migrations.applied_at IS 'When it was applied';"
    "CREATE TABLE IF NOT EXISTS whistled.releases ("
    "    checksum text PRIMARY KEY,"
    "    version text NOT NULL,"
    "    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),"
    "    used_at timestamptz NOT NULL DEFAULT clock_timestamp());"
    "COMMENT ON TABLE whistled.releases IS 'Releases whose procedures are complete in a schema api_<checksum>';"
    "COMMENT ON COLUMN whistled.releases.checksum IS 'Of all files of procedures';"
    "COMMENT ON COLUMN whistled.releases.version IS 'Of the program';"
    "COMMENT ON COLUMN whistled.releases.created_at IS 'When the schema was made';"
    "COMMENT ON COLUMN whistled.releases.used_at IS 'When this release was last migrated to; the oldest are dropped'";

static void say_error(const char *what, const char *message)
{
    size_t size = strcspn(message, "\n");

    if (!strncmp(message, "ERROR:  ", 8))
        message += 8, size -= 8;
    fprintf(stderr, "whistled: cannot %s: %.*s.\n", what, (int)size, message);
}

static int check_result(struct migration *migration, const char *what, PGresult *result)
{
    ExecStatusType status = PQresultStatus(result);
    int r = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK ? 0 : -EIO;

    if (r)
        say_error(what, result ? PQresultErrorMessage(result) : PQerrorMessage(migration->pg));
    PQclear(result);
    return r;
}

int migrate_run(struct migration *migration, const char *what, const char *sql)
{
    return check_result(migration, what, PQexec(migration->pg, sql));
}

int migrate_ask(struct migration *migration, const char *what, const char *sql, int n, const char *const *values,
                PGresult **ret_result)
{
    PGresult *result = PQexecParams(migration->pg, sql, n, NULL, values, NULL, NULL, 0);

    if (PQresultStatus(result) != PGRES_TUPLES_OK && PQresultStatus(result) != PGRES_COMMAND_OK)
        return check_result(migration, what, result);
    *ret_result = result;
    return 0;
}

int migrate_run_with(struct migration *migration, const char *what, const char *pattern, const char *name,
                     const char *other)
{
    const char *values[] = {pattern, name, other};
    PGresult *result;
    int r = migrate_ask(migration, what, "SELECT format($1, $2::text, $3::text)", 3, values, &result);

    if (r)
        return r;
    r = migrate_run(migration, what, PQgetvalue(result, 0, 0));
    PQclear(result);
    return r;
}

/* Characters, as PostgreSQL counts them, become a line of the file. */
static unsigned line_of(const char *text, long position)
{
    unsigned line = 1;

    for (; *text && position > 1; text++) {
        if (((unsigned char)text[1] & 0xc0) != 0x80)
            position--;
        if (*text == '\n')
            line++;
    }
    return line;
}

int migrate_run_file(struct migration *migration, const char *folder, const struct embedded_file *file)
{
    PGresult *result = PQexec(migration->pg, file->text);
    ExecStatusType status = PQresultStatus(result);
    const char *position = PQresultErrorField(result, PG_DIAG_STATEMENT_POSITION);
    const char *context = PQresultErrorField(result, PG_DIAG_CONTEXT);
    char what[256];

    if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK) {
        PQclear(result);
        return 0;
    }
    if (position)
        snprintf(what, sizeof what, "run db/%s/%s, line %u", folder, file->name,
                 line_of(file->text, strtol(position, NULL, 10)));
    else
        snprintf(what, sizeof what, "run db/%s/%s", folder, file->name);
    say_error(what, PQresultErrorMessage(result));
    if (context)
        fprintf(stderr, "%s\n", context);
    PQclear(result);
    return -EIO;
}

static void ignore_notice(void *cls, const PGresult *result)
{
    (void)cls;
    (void)result;
}

static PGconn *connect_owner(const char *url)
{
    const char *const keywords[] = {"connect_timeout", "fallback_application_name", "dbname", NULL};
    const char *const values[] = {"10", "whistled migrate", url, NULL};
    PGconn *pg = PQconnectdbParams(keywords, values, /* expand_dbname= */ 1);

    if (PQstatus(pg) == CONNECTION_OK) {
        PQsetNoticeReceiver(pg, ignore_notice, NULL);
        return pg;
    }
    fprintf(stderr, "whistled: cannot reach the database: %s", pg ? PQerrorMessage(pg) : "memory is out\n");
    PQfinish(pg);
    return NULL;
}

/* Of the session: it ends with the connection, whatever happens to us. */
static int lock(struct migration *migration)
{
    PGresult *result;
    int r = migrate_ask(migration, "take the lock", "SELECT pg_try_advisory_lock(" LOCK ")", 0, NULL, &result);
    bool taken;

    if (r)
        return r;
    taken = PQgetvalue(result, 0, 0)[0] == 't';
    PQclear(result);
    if (taken)
        return 0;
    printf("Another migrate is under way; waiting for it.\n");
    fflush(stdout);
    return migrate_run(migration, "take the lock", "SELECT pg_advisory_lock(" LOCK ")");
}

static int make_extension(struct migration *migration, const char *name)
{
    PGresult *result;
    char what[192];
    bool there;
    int r =
        migrate_ask(migration, "look for extensions", "SELECT FROM pg_extension WHERE extname = $1", 1, &name, &result);

    if (r)
        return r;
    there = PQntuples(result) > 0;
    PQclear(result);
    if (there)
        return 0;
    snprintf(what, sizeof what,
             "add the extension %s (install its package on the server, and let a superuser run CREATE EXTENSION %s "
             "in this database)",
             name, name);
    return migrate_run_with(migration, what, "CREATE EXTENSION IF NOT EXISTS %I SCHEMA public", name, NULL);
}

static int migrate(struct migration *migration)
{
    int r = migrate_run(migration, "set up the session",
                        "SET client_min_messages = warning; SET statement_timeout = 0; SET lock_timeout = 0;"
                        "SET idle_in_transaction_session_timeout = 0; SET check_function_bodies = on");

    if (!r)
        r = lock(migration);
    if (!r)
        r = migrate_run(migration, "create the schema whistled (the owner of the database may)", bootstrap);
    if (!r)
        r = make_extension(migration, "postgis");
    if (!r)
        r = make_extension(migration, "btree_gist");
    if (!r)
        r = migrate_apply(migration);
    return r ? r : migrate_release(migration);
}

int migrate_main(int argc, char **argv, const struct config *config)
{
    struct migration migration = {.service_role = config->service_role};
    int r;

    if (argc > 0) {
        fprintf(stderr, "whistled: migrate takes no %s.\n", argv[0]);
        return 2;
    }
    if (!config->migrate_url[0]) {
        fprintf(stderr, "whistled: migrate needs the owner's connection in DATABASE_URL (or --migrate-url).\n");
        return EXIT_FAILURE;
    }
    migration.pg = connect_owner(config->migrate_url);
    if (!migration.pg)
        return EXIT_FAILURE;
    r = migrate(&migration);
    PQfinish(migration.pg);
    return r ? EXIT_FAILURE : EXIT_SUCCESS;
}
