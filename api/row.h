/* row.h — a row of a statement's result, as it came: a column each, or all of them packed into one (db.h). */
#ifndef WHISTLED_ROW_H
#define WHISTLED_ROW_H

#include <libpq-fe.h>

#include "encode_value.h"

/* More columns no statement has: binding_new sees to it. */
enum { ROW_COLUMNS = 160 };

/* Values lie in the result; texts end in a NUL. SQL NULL has no data. */

/* NULL as well: a column that is not there (-1, as bindings have it), a row that is not what it says. */
struct value row_value(const PGresult *result, int row, int column);
/* All n of them. Returns 0, or -EINVAL when the row is not of n columns. */
int row_read(const PGresult *result, int row, int n, struct value *ret_values);

#endif
