/* row.c — takes a row apart: libpq's columns, or one column of PostgreSQL's type record, in which all of them lie. */
#include "row.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

enum {
    PG_RECORD = 2249,
    FIRST_OWN_TYPE = 16384, /* FirstNormalObjectId: below are the types that PostgreSQL comes with */
};

/* What is left of a packed row: how many columns, then of each its type, its size (-1: NULL) and its bytes. */
struct packed {
    const char *at, *end;
    int n;
};

static bool take_number(struct packed *packed, uint32_t *ret_number)
{
    if (packed->end - packed->at < (ptrdiff_t)sizeof *ret_number)
        return false;
    memcpy(ret_number, packed->at, sizeof *ret_number);
    *ret_number = be32toh(*ret_number);
    packed->at += sizeof *ret_number;
    return true;
}

/* ROW(...), or what a function answers. */
static bool is_packed(const PGresult *result)
{
    return PQnfields(result) == 1 && (PQftype(result, 0) == PG_RECORD || PQftype(result, 0) >= FIRST_OWN_TYPE);
}

static bool packed_open(const PGresult *result, int row, struct packed *ret_packed)
{
    uint32_t n;

    ret_packed->at = PQgetvalue(result, row, 0);
    ret_packed->end = ret_packed->at + PQgetlength(result, row, 0);
    if (!take_number(ret_packed, &n) || n > ROW_COLUMNS)
        return false;
    ret_packed->n = (int)n;
    return true;
}

/* The byte behind a value is the first of the next type, whose number is small, or libpq's own NUL: so texts end. */
static bool packed_next(struct packed *packed, struct value *ret_value)
{
    uint32_t size;

    if (!take_number(packed, &ret_value->type) || ret_value->type >= FIRST_OWN_TYPE || !take_number(packed, &size))
        return false;
    ret_value->data = NULL;
    ret_value->size = 0;
    if (size == UINT32_MAX)
        return true;
    if (size > (size_t)(packed->end - packed->at))
        return false;
    ret_value->data = packed->at;
    ret_value->size = size;
    packed->at += size;
    return true;
}

static struct value plain_value(const PGresult *result, int row, int column)
{
    if (PQgetisnull(result, row, column))
        return (struct value){.type = PQftype(result, column)};
    return (struct value){
        .type = PQftype(result, column),
        .data = PQgetvalue(result, row, column),
        .size = (size_t)PQgetlength(result, row, column),
    };
}

struct value row_value(const PGresult *result, int row, int column)
{
    struct value value = {.data = NULL};
    struct packed packed;

    if (column < 0)
        return value;
    if (!is_packed(result))
        return plain_value(result, row, column);
    if (!packed_open(result, row, &packed) || column >= packed.n)
        return value;
    for (int i = 0; i <= column; i++)
        if (!packed_next(&packed, &value))
            return (struct value){.data = NULL};
    return value;
}

int row_read(const PGresult *result, int row, int n, struct value *ret_values)
{
    struct packed packed;

    if (!is_packed(result)) {
        if (PQnfields(result) != n)
            return -EINVAL;
        for (int i = 0; i < n; i++)
            ret_values[i] = plain_value(result, row, i);
        return 0;
    }
    if (!packed_open(result, row, &packed) || packed.n != n)
        return -EINVAL;
    for (int i = 0; i < n; i++)
        if (!packed_next(&packed, &ret_values[i]))
            return -EINVAL;
    return packed.at == packed.end ? 0 : -EINVAL;
}
