/* encode_value.c — PostgreSQL's binary formats, one function each. */
#include "encode_value.h"

#include <endian.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "zone.h"

/* Between PostgreSQL's epoch, 2000-01-01, and that of Unix. */
static const int64_t EPOCH_DAYS = 10957;
static const int64_t DAY_US = INT64_C(86400000000);

static uint32_t read_u32(const char *data)
{
    uint32_t big;

    memcpy(&big, data, sizeof(big));
    return be32toh(big);
}

static uint64_t read_u64(const char *data)
{
    uint64_t big;

    memcpy(&big, data, sizeof(big));
    return be64toh(big);
}

static int add_integer(int64_t number, struct buffer *out)
{
    uint64_t left = number < 0 ? -(uint64_t)number : (uint64_t)number;
    char text[20], *from = text + sizeof text;

    do
        *--from = (char)('0' + left % 10);
    while (left /= 10);
    if (number < 0)
        *--from = '-';
    buffer_add(out, from, (size_t)(text + sizeof text - from));
    return 0;
}

static int encode_bool(const struct value *value, struct zone *zone, struct buffer *out)
{
    (void)zone;
    buffer_add_text(out, value->data[0] != 0 ? "true" : "false");
    return 0;
}

static int encode_int2(const struct value *value, struct zone *zone, struct buffer *out)
{
    uint16_t big;

    (void)zone;
    memcpy(&big, value->data, sizeof(big));
    return add_integer((int16_t)be16toh(big), out);
}

static int encode_int4(const struct value *value, struct zone *zone, struct buffer *out)
{
    (void)zone;
    return add_integer((int32_t)read_u32(value->data), out);
}

static int encode_int8(const struct value *value, struct zone *zone, struct buffer *out)
{
    (void)zone;
    return add_integer((int64_t)read_u64(value->data), out);
}

/* Coordinates and the like: a whole number of ten-millionths. A quotient is rounded as what reads a decimal rounds, so
 * equality says that the digits read back as the same number; fifteen of them at most, hence none shorter do. */
static bool add_decimal(double number, struct buffer *out)
{
    const double scale = 1e7, most = 9e14 / scale;
    int64_t scaled, fraction;
    char digits[8] = ".";
    size_t n = sizeof digits;

    if (!(fabs(number) >= 1e-4 && fabs(number) < most))
        return false;
    scaled = llround(number * scale);
    if ((double)scaled / scale != number)
        return false;
    if (scaled < 0)
        buffer_add(out, "-", 1);
    scaled = llabs(scaled);
    add_integer(scaled / (int64_t)scale, out);
    fraction = scaled % (int64_t)scale;
    for (size_t i = n; i-- > 1; fraction /= 10)
        digits[i] = (char)('0' + fraction % 10);
    while (n > 1 && digits[n - 1] == '0')
        n--;
    buffer_add(out, digits, n > 1 ? n : 0);
    return true;
}

/* The shortest digits that read back as the same number. A normal double keeps any 15 digits (a float any 6), and %g
 * drops trailing zeros: whatever is shorter comes out there. */
static int add_number(double number, bool single, struct buffer *out)
{
    int digits = single ? 6 : 15;
    char text[32];
    int size = 0;

    if (!isfinite(number))
        return -EINVAL;
    if (!single && add_decimal(number, out))
        return 0;
    if (single ? fpclassify((float)number) == FP_SUBNORMAL : fpclassify(number) == FP_SUBNORMAL)
        digits = 1;
    for (int most = single ? 9 : 17; digits <= most; digits++) {
        size = snprintf(text, sizeof(text), "%.*g", digits, number);
        if (single ? strtof(text, NULL) == (float)number : strtod(text, NULL) == number)
            break;
    }
    buffer_add(out, text, (size_t)size);
    return 0;
}

static int encode_float4(const struct value *value, struct zone *zone, struct buffer *out)
{
    uint32_t bits = read_u32(value->data);
    float number;

    (void)zone;
    memcpy(&number, &bits, sizeof(number));
    return add_number((double)number, /* single= */ true, out);
}

static int encode_float8(const struct value *value, struct zone *zone, struct buffer *out)
{
    uint64_t bits = read_u64(value->data);
    double number;

    (void)zone;
    memcpy(&number, &bits, sizeof(number));
    return add_number(number, /* single= */ false, out);
}

static int encode_text(const struct value *value, struct zone *zone, struct buffer *out)
{
    (void)zone;
    buffer_add_json_string(out, value->data, value->size);
    return 0;
}

static int encode_json(const struct value *value, struct zone *zone, struct buffer *out)
{
    (void)zone;
    buffer_add(out, value->data, value->size);
    return value->size > 0 ? 0 : -EINVAL;
}

static int encode_jsonb(const struct value *value, struct zone *zone, struct buffer *out)
{
    (void)zone;
    if (value->size < 2 || value->data[0] != 1)
        return -EINVAL;
    buffer_add(out, value->data + 1, value->size - 1);
    return 0;
}

static int encode_uuid(const struct value *value, struct zone *zone, struct buffer *out)
{
    static const char digits[] = "0123456789abcdef";
    char text[38], *to = text;

    (void)zone;
    *to++ = '"';
    for (int i = 0; i < 16; i++) {
        unsigned char byte = (unsigned char)value->data[i];

        if (i == 4 || i == 6 || i == 8 || i == 10)
            *to++ = '-';
        *to++ = digits[byte >> 4];
        *to++ = digits[byte & 15];
    }
    *to = '"';
    buffer_add(out, text, sizeof(text));
    return 0;
}

static int encode_timestamptz(const struct value *value, struct zone *zone, struct buffer *out)
{
    int64_t us = (int64_t)read_u64(value->data);
    char text[32];
    size_t size;

    if (us == INT64_MAX || us == INT64_MIN)
        return -EINVAL; /* infinity */
    size = zone_format(zone, us + EPOCH_DAYS * DAY_US, text);
    if (size == 0)
        return -EINVAL;
    buffer_add(out, "\"", 1);
    buffer_add(out, text, size);
    buffer_add(out, "\"", 1);
    return 0;
}

static int encode_date(const struct value *value, struct zone *zone, struct buffer *out)
{
    int32_t days = (int32_t)read_u32(value->data);
    struct civil_day day;
    char text[16];

    (void)zone;
    if (days == INT32_MAX || days == INT32_MIN)
        return -EINVAL; /* infinity */
    day = civil_from_days(days + EPOCH_DAYS);
    if (day.year < 0 || day.year > 9999)
        return -EINVAL;
    buffer_add(out, text,
               (size_t)snprintf(text, sizeof(text), "\"%04d-%02d-%02d\"", (int)day.year, day.month, day.day));
    return 0;
}

/* Header: dimensions, flags, type of elements; then for each dimension its length and lower bound. */
int elements_begin(const struct value *array, struct elements *ret_elements)
{
    uint32_t dimensions = array->size >= 12 ? read_u32(array->data) : UINT32_MAX;

    if (dimensions > 1 || (dimensions == 1 && array->size < 20))
        return -EINVAL;
    *ret_elements = (struct elements){
        .data = array->data,
        .size = array->size,
        .at = dimensions == 1 ? 20 : array->size,
        .type = read_u32(array->data + 8),
        .left = dimensions == 1 ? read_u32(array->data + 12) : 0,
    };
    return 0;
}

/* Length, bytes. */
int elements_next(struct elements *elements, struct value *ret_element)
{
    size_t left = elements->size - elements->at;
    size_t size;

    if (elements->left == 0)
        return left == 0 ? 0 : -EINVAL;
    if (left < 4)
        return -EINVAL;
    size = read_u32(elements->data + elements->at); /* NULL is -1: larger than what is left */
    if (size > left - 4)
        return -EINVAL;
    *ret_element = (struct value){.type = elements->type, .data = elements->data + elements->at + 4, .size = size};
    elements->at += 4 + size;
    elements->left--;
    return 1;
}

static int encode_array(const struct value *value, struct zone *zone, struct buffer *out)
{
    struct elements elements;
    struct value element;
    int r = elements_begin(value, &elements);

    if (r < 0)
        return r;
    buffer_add(out, "[", 1);
    for (bool first = true; (r = elements_next(&elements, &element)) > 0; first = false) {
        buffer_add(out, ",", first ? 0 : 1);
        r = value_encode(&element, zone, out);
        if (r < 0)
            return r;
    }
    buffer_add(out, "]", 1);
    return r;
}

struct format {
    uint32_t type;
    size_t size; /* 0: any */
    int (*encode)(const struct value *value, struct zone *zone, struct buffer *out);
};

static const struct format formats[] = {
    {PG_TEXT, 0, encode_text},        {PG_UUID, 16, encode_uuid},          {PG_TIMESTAMPTZ, 8, encode_timestamptz},
    {PG_JSON, 0, encode_json},        {PG_JSONB, 0, encode_jsonb},         {PG_BOOL, 1, encode_bool},
    {PG_INT8, 8, encode_int8},        {PG_INT4, 4, encode_int4},           {PG_INT2, 2, encode_int2},
    {PG_FLOAT8, 8, encode_float8},    {PG_FLOAT4, 4, encode_float4},       {PG_TEXT_ARRAY, 0, encode_array},
    {PG_UUID_ARRAY, 0, encode_array}, {PG_VARCHAR_ARRAY, 0, encode_array}, {PG_NAME_ARRAY, 0, encode_array},
    {PG_INT2_ARRAY, 0, encode_array}, {PG_INT4_ARRAY, 0, encode_array},    {PG_INT8_ARRAY, 0, encode_array},
    {PG_VARCHAR, 0, encode_text},     {PG_BPCHAR, 0, encode_text},         {PG_NAME, 0, encode_text},
    {PG_DATE, 4, encode_date},
};

int value_encode(const struct value *value, struct zone *zone, struct buffer *out)
{
    for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
        if (formats[i].type == value->type)
            return formats[i].size != 0 && formats[i].size != value->size ? -EINVAL
                                                                          : formats[i].encode(value, zone, out);
    return -EINVAL;
}
