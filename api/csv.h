/* csv.h — rows of binary columns become lines of CSV (RFC 4180), by the same tables as JSON. */
#ifndef WHISTLED_CSV_H
#define WHISTLED_CSV_H

#include "encode.h"

struct csv_style {
    bool titles;      /* the header has titles for people instead of names */
    bool local_times; /* 2024-11-20 09:00:00 instead of 2024-11-20T09:00:00.123+08:00 */
};

void csv_header(const struct encoder *encoder, const struct csv_style *style, struct buffer *out);
/* As encode_row. */
int csv_row(const struct binding *binding, const PGresult *result, int row, const struct encoding *encoding,
            const struct csv_style *style, struct buffer *out);

/* One cell that holds a text: quoted where it must be, and no formula to any spreadsheet. */
void csv_text(const char *text, size_t size, struct buffer *out);

#endif
