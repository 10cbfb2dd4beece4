/* answer.h — a statement's rows become the reply: object, list or refusal, steered by the columns with an underscore.
 */
#ifndef WHISTLED_ANSWER_H
#define WHISTLED_ANSWER_H

#include "request.h"

enum answered { ANSWER_FULL, ANSWER_EMPTY_LIST };

/* Fills the reply and does not finish it: a list without items may be kept back by who waits for one. */
enum answered answer_fill(struct request *request, const PGresult *result);

/* For functions that write a reply around a statement's rows (x-rows). Texts end in a NUL and lie in the result. */
struct refusal {
    const char *code, *pointer, *detail; /* of errors.def; NULL; a JSON object's text or NULL */
    size_t detail_size;
};
/* Returns whether the row is one. */
bool answer_refusal(const PGresult *result, int row, struct refusal *ret_refusal);
/* Columns by name; NULL, or `fallback`, when it is not there or SQL NULL. */
const char *answer_text(const PGresult *result, int row, const char *column);
int64_t answer_integer(const PGresult *result, int row, const char *column, int64_t fallback);
bool answer_flag(const PGresult *result, int row, const char *column);

/* The refusal in a column `_code` of the first row; NULL when there is none. */
const char *answer_code(const PGresult *result);

#endif
