/* encode_value.h — one binary value of PostgreSQL as JSON. */
#ifndef WHISTLED_ENCODE_VALUE_H
#define WHISTLED_ENCODE_VALUE_H

#include "encode.h"

/* OIDs of the built-in types we answer; they never change (pg_type.dat). */
enum pg_type {
    PG_BOOL = 16,
    PG_NAME = 19,
    PG_INT8 = 20,
    PG_INT2 = 21,
    PG_INT4 = 23,
    PG_TEXT = 25,
    PG_JSON = 114,
    PG_FLOAT4 = 700,
    PG_FLOAT8 = 701,
    PG_NAME_ARRAY = 1003,
    PG_INT2_ARRAY = 1005,
    PG_INT4_ARRAY = 1007,
    PG_TEXT_ARRAY = 1009,
    PG_VARCHAR_ARRAY = 1015,
    PG_INT8_ARRAY = 1016,
    PG_BPCHAR = 1042,
    PG_VARCHAR = 1043,
    PG_DATE = 1082,
    PG_TIMESTAMPTZ = 1184,
    PG_UUID = 2950,
    PG_UUID_ARRAY = 2951,
    PG_JSONB = 3802,
};

struct value {
    uint32_t type;
    const char *data;
    size_t size;
};

/* A one-dimensional array taken apart, element by element. */
struct elements {
    const char *data;
    size_t size, at;
    uint32_t type, left;
};
/* 0, or -EINVAL: not such an array. */
int elements_begin(const struct value *array, struct elements *ret_elements);
/* 1 with the next; 0 when there is none; -EINVAL for NULL, which no reply of ours has, and what does not fit. */
int elements_next(struct elements *elements, struct value *ret_element);

/* 0, or -EINVAL: of another size than its type has, or what JSON cannot say (NaN, infinity). */
int value_encode(const struct value *value, struct zone *zone, struct buffer *out);

#endif
