/* startup.c — what is asked of the database once, before any worker runs. */
#include "startup.h"

#include <errno.h>
#include <libpq-fe.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conninfo.h"
#include "offers.h"

char *startup_search_path(void)
{
    char *text;

    return asprintf(&text, "api_%s, whistled, public", contract.procedures_checksum) < 0 ? NULL : text;
}

static int fail(int r, char **reterr_text, const char *format, ...) __attribute__((format(printf, 3, 4)));

static int fail(int r, char **reterr_text, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    if (vasprintf(reterr_text, format, arguments) < 0)
        *reterr_text = NULL;
    va_end(arguments);
    return r;
}

/* libpq's own sentence, of which only the first line is wanted. */
static int fail_connection(int r, char **reterr_text, const char *what, const char *message)
{
    return fail(r, reterr_text, "%s: %.*s", what, (int)strcspn(message, "\n"), message);
}

static int connect_database(const struct config *config, const char *search_path, PGconn **ret_connection,
                            char **reterr_text)
{
    const struct conninfo_settings settings = {
        .url = config->database_url,
        .search_path = search_path,
        .zone = config->zone,
        .application_name = "whistled start",
        .statement_timeout_ms = config->request_timeout_ms,
    };
    struct conninfo info;
    int r = conninfo_make(&settings, &info, reterr_text);

    if (r)
        return r;
    *ret_connection = PQconnectdbParams(info.keywords, info.values, /* expand_dbname= */ 0);
    conninfo_clear(&info);
    if (!*ret_connection)
        return -ENOMEM;
    if (PQstatus(*ret_connection) != CONNECTION_OK)
        return fail_connection(-EAGAIN, reterr_text, "The database cannot be reached", PQerrorMessage(*ret_connection));
    return 0;
}

static int check_schema(PGconn *connection, char **reterr_text)
{
    static const char sql[] = "SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = $1"
                              " AND has_schema_privilege(oid, 'USAGE'))";
    char schema[64];
    const char *values[] = {schema};
    PGresult *result;
    int r = 0;

    snprintf(schema, sizeof schema, "api_%s", contract.procedures_checksum);
    result = PQexecParams(connection, sql, 1, NULL, values, NULL, NULL, 0);
    if (PQresultStatus(result) != PGRES_TUPLES_OK)
        r = fail_connection(-EAGAIN, reterr_text, "The database does not answer", PQerrorMessage(connection));
    else if (strcmp(PQgetvalue(result, 0, 0), "t") != 0)
        r = fail(-EAGAIN, reterr_text,
                 "The database is not ready for this build: schema %s is missing. Run `whistled migrate` first.",
                 schema);
    PQclear(result);
    return r;
}

static const struct statement *find_statement(const char *name)
{
    for (size_t i = 0; i < contract.n_statements; i++)
        if (!strcmp(contract.statements[i].name, name))
            return &contract.statements[i];
    return NULL;
}

static int read_rows(PGconn *connection, const char *name, PGresult **ret_result, char **reterr_text)
{
    const struct statement *statement = find_statement(name);
    PGresult *result;
    int r = 0;

    if (!statement)
        return fail(-EINVAL, reterr_text, "This build has no statement %s.", name);
    result = PQexecParams(connection, statement->sql, 0, NULL, NULL, NULL, NULL, /* binary= */ 1);
    if (PQresultStatus(result) != PGRES_TUPLES_OK) {
        r = fail_connection(-EAGAIN, reterr_text, name, PQerrorMessage(connection));
        PQclear(result);
        return r;
    }
    *ret_result = result;
    return 0;
}

/* One row of one bytea or text of at least CURSOR_KEY_SIZE bytes. */
static int read_cursor_key(PGconn *connection, unsigned char *ret_key, char **reterr_text)
{
    PGresult *result = NULL;
    int r = read_rows(connection, "system.cursor_key", &result, reterr_text);

    if (!r && (PQntuples(result) != 1 || PQgetlength(result, 0, 0) < CURSOR_KEY_SIZE))
        r = fail(-EAGAIN, reterr_text, "The key of the cursors is missing: run `whistled migrate` first.");
    else if (!r)
        memcpy(ret_key, PQgetvalue(result, 0, 0), CURSOR_KEY_SIZE);
    PQclear(result);
    return r;
}

static int read_offers(PGconn *connection, struct offers **ret_offers, char **reterr_text)
{
    PGresult *result = NULL;
    int r = read_rows(connection, "system.offers", &result, reterr_text);

    if (!r) {
        *ret_offers = offers_new(result);
        r = *ret_offers ? 0 : -ENOMEM;
    }
    PQclear(result);
    return r;
}

int startup_ask(const struct config *config, const char *search_path, unsigned char ret_cursor_key[CURSOR_KEY_SIZE],
                struct offers **ret_offers, char **reterr_text)
{
    PGconn *connection = NULL;
    int r;

    if (!config->database_url[0])
        return fail(-EINVAL, reterr_text, "database_url is not set: give WHISTLED_DATABASE_URL or --database-url.");
    r = connect_database(config, search_path, &connection, reterr_text);
    if (!r)
        r = check_schema(connection, reterr_text);
    if (!r)
        r = read_cursor_key(connection, ret_cursor_key, reterr_text);
    if (!r)
        r = read_offers(connection, ret_offers, reterr_text);
    PQfinish(connection);
    return r;
}
