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

/* A row of one column, of type record or of a row type of somebody's own. */
static inline PGresult *pg_packed_as(uint32_t type, const char *bytes, size_t size)
{
    const struct cell record = {.name = "row", .type = type, .data = bytes, .size = (int)size};

    return pg_row(&record, 1, 1);
}

static inline PGresult *pg_packed_bytes(const char *bytes, size_t size)
{
    return pg_packed_as(2249, bytes, size);
}

static inline void pg_pack_number(char *bytes, size_t *size, int number)
{
    uint32_t big = htobe32((uint32_t)number);

    memcpy(bytes + *size, &big, sizeof big);
    *size += sizeof big;
}

/* The same row as record_send writes it. */
static inline PGresult *pg_packed(const struct cell *cells, int n)
{
    char bytes[1024];
    size_t size = 0;

    pg_pack_number(bytes, &size, n);
    for (const struct cell *cell = cells; cell < cells + n; cell++) {
        pg_pack_number(bytes, &size, (int)cell->type);
        pg_pack_number(bytes, &size, cell->data != NULL ? cell->size : -1);
        if (cell->data == NULL)
            continue;
        memcpy(bytes + size, cell->data, (size_t)cell->size);
        size += (size_t)cell->size;
    }
    return pg_packed_bytes(bytes, size);
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
