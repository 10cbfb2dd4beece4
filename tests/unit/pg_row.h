/* pg_row.h — results as a server would send them, made by hand. */
#ifndef TEST_PG_ROW_H
#define TEST_PG_ROW_H

#include <endian.h>
#include <libpq-fe.h>
#include <stdint.h>
#include <string.h>

struct cell {
    const char *name;
    uint32_t type;
    const char *data; /* NULL: SQL NULL */
    int size;
};

/* One row of binary values; with no row it is a description. */
static inline PGresult *pg_row(const struct cell *cells, int n, int rows)
{
    PGresult *result = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
    PGresAttDesc columns[32] = {0};

    for (int i = 0; i < n; i++)
        columns[i] = (PGresAttDesc){.name = (char *)(uintptr_t)cells[i].name, .format = 1, .typid = cells[i].type};
    PQsetResultAttrs(result, n, columns);
    for (int i = 0; rows > 0 && i < n; i++)
        PQsetvalue(result, 0, i, (char *)(uintptr_t)cells[i].data, cells[i].data != NULL ? cells[i].size : -1);
    return result;
}

#define CELL(column, oid, bytes)                                                                                       \
    {                                                                                                                  \
        .name = (column), .type = (oid), .data = (bytes), .size = (int)sizeof(bytes) - 1                               \
    }
#define NULL_CELL(column, oid)                                                                                         \
    {                                                                                                                  \
        .name = (column), .type = (oid)                                                                                \
    }

#endif
