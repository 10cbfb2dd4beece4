/* migrate_release.c — this build's procedures in a schema of their own, beside those of the last two releases. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "contract.h"
#include "migrate_internal.h"

enum { SCHEMA_SIZE = 64 };

/* What the service may do with the tables; %I is its role. It deletes only what it sweeps, and never history. */
static const char *const table_grants[] = {
    "GRANT USAGE ON SCHEMA whistled TO %I",
    "GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA whistled TO %I",
    "GRANT USAGE ON ALL SEQUENCES IN SCHEMA whistled TO %I",
    "GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA whistled TO %I",
    "GRANT DELETE ON whistled.idempotency_keys, whistled.outbox, whistled.feed, whistled.feed_marks,"
    " whistled.rights_changes TO %I",
    "GRANT DELETE ON whistled.webhook_messages, whistled.webhook_attempts, whistled.webhook_tickets TO %I",
    "REVOKE INSERT, UPDATE, DELETE ON whistled.migrations, whistled.releases, whistled.history_parts FROM %I",
};

/* The first name is the schema, the second the role. */
static const char *const schema_grants[] = {
    "GRANT USAGE ON SCHEMA %I TO %I",
    "GRANT SELECT ON ALL TABLES IN SCHEMA %I TO %I",
    "GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA %I TO %I",
};

static int check_role(struct migration *migration)
{
    PGresult *result;
    const char *role = migration->service_role;
    int r = migrate_ask(migration, "look for the service's role", "SELECT FROM pg_roles WHERE rolname = $1", 1, &role,
                        &result);

    if (r)
        return r;
    if (!PQntuples(result)) {
        fprintf(stderr,
                "whistled: the service's role %s does not exist; let a superuser run CREATE ROLE %s LOGIN, or name "
                "another with --service-role.\n",
                role, role);
        r = -ENOENT;
    }
    PQclear(result);
    return r;
}

static int is_complete(struct migration *migration, const char *schema, bool *ret_complete)
{
    const char *values[] = {contract.procedures_checksum, schema};
    PGresult *result;
    int r = migrate_ask(migration, "look for the procedures",
                        "SELECT FROM whistled.releases WHERE checksum = $1"
                        " AND EXISTS (SELECT FROM pg_namespace WHERE nspname = $2)",
                        2, values, &result);

    if (r)
        return r;
    *ret_complete = PQntuples(result) > 0;
    PQclear(result);
    return 0;
}

static int create_procedures(struct migration *migration, const char *schema)
{
    int r = migrate_run_with(migration, "create the procedures' schema",
                             "DROP SCHEMA IF EXISTS %1$I CASCADE; CREATE SCHEMA %1$I;"
                             "SET LOCAL search_path = %1$I, whistled, public",
                             schema, NULL);

    for (size_t i = 0; i < n_embedded_procedures && !r; i++)
        r = migrate_run_file(migration, "procedures", &embedded_procedures[i]);
    return r;
}

static int grant(struct migration *migration, const char *schema)
{
    int r = 0;

    for (size_t i = 0; i < sizeof table_grants / sizeof *table_grants && !r; i++)
        r = migrate_run_with(migration, "grant the service its rights", table_grants[i], migration->service_role, NULL);
    for (size_t i = 0; i < sizeof schema_grants / sizeof *schema_grants && !r; i++)
        r = migrate_run_with(migration, "grant the service its rights", schema_grants[i], schema,
                             migration->service_role);
    return r;
}

/* The clock is read anew, so that of two migrates the later one counts. */
static int record(struct migration *migration)
{
    const char *values[] = {contract.procedures_checksum, contract.version};
    PGresult *result;
    int r = migrate_ask(migration, "record the release",
                        "INSERT INTO whistled.releases (checksum, version) VALUES ($1, $2)"
                        " ON CONFLICT (checksum) DO UPDATE SET version = excluded.version, used_at = excluded.used_at",
                        2, values, &result);

    if (!r)
        PQclear(result);
    return r;
}

static int drop_one(struct migration *migration, const char *checksum)
{
    char schema[SCHEMA_SIZE];
    int r;

    snprintf(schema, sizeof schema, "api_%s", checksum);
    r = migrate_run_with(migration, "drop a former release",
                         "DROP SCHEMA IF EXISTS %I CASCADE; DELETE FROM whistled.releases WHERE checksum = %L", schema,
                         checksum);
    if (!r)
        printf("Dropped the procedures of a former release, %s.\n", schema);
    return r;
}

/* This one and the two before it stay: instances of those may still run, and one may want to go back. */
static int drop_former(struct migration *migration)
{
    PGresult *result;
    int r = migrate_ask(migration, "look for former releases",
                        "SELECT checksum FROM whistled.releases ORDER BY used_at DESC, checksum OFFSET 3", 0, NULL,
                        &result);

    if (r)
        return r;
    for (int i = 0; i < PQntuples(result) && !r; i++)
        r = drop_one(migration, PQgetvalue(result, i, 0));
    PQclear(result);
    return r;
}

int migrate_release(struct migration *migration)
{
    char schema[SCHEMA_SIZE];
    bool complete = false;
    int r = check_role(migration);

    snprintf(schema, sizeof schema, "api_%s", contract.procedures_checksum);
    if (!r)
        r = is_complete(migration, schema, &complete);
    if (!r)
        r = migrate_run(migration, "begin", "BEGIN");
    if (!r && !complete)
        r = create_procedures(migration, schema);
    if (!r)
        r = grant(migration, schema);
    if (!r)
        r = record(migration);
    if (!r)
        r = migrate_run(migration, "commit the procedures", "COMMIT");
    if (!r)
        r = drop_former(migration);
    if (!r)
        printf(complete ? "The procedures are up to date in %s.\n" : "Created the procedures in %s.\n", schema);
    return r;
}
