/* answer.h — a statement's rows become the reply: object, list or refusal, steered by the columns with an underscore.
 */
#ifndef WHISTLED_ANSWER_H
#define WHISTLED_ANSWER_H

#include "request.h"

enum answered { ANSWER_FULL, ANSWER_EMPTY_LIST, ANSWER_WANTS_NAMES };

/* Fills the reply and does not finish it: a list without items may be kept back by who waits for one.
 * ANSWER_WANTS_NAMES: nothing is filled, the worker's names of the street are not the edition that the rows ask for;
 * with request->named they do as they are. */
enum answered answer_fill(struct request *request, const PGresult *result);

/* Whether the operation's own statement has refused, or answered from what was kept under an Idempotency-Key. */
bool answer_refuses(const struct request *request, const PGresult *result);
bool answer_replays(const struct request *request, const PGresult *result);

/* For functions that write a reply around a statement's rows (x-rows). Texts end in a NUL and lie in the result. */
struct refusal {
    const char *code, *pointer, *detail; /* of errors.def; NULL; a JSON object's text or NULL */
    size_t detail_size;
};
/* Returns whether the row is one. */
bool answer_refusal(const PGresult *result, int row, struct refusal *ret_refusal);
/* Columns by name, of rows that are not packed; NULL, or `fallback`, when it is not there or SQL NULL. */
const char *answer_text(const PGresult *result, int row, const char *column);
int64_t answer_integer(const PGresult *result, int row, const char *column, int64_t fallback);
bool answer_flag(const PGresult *result, int row, const char *column);
/* The edition of names that the rows ask for; 0 when they ask for none. */
int64_t answer_edition(const struct request *request, const PGresult *result);
/* Whether the worker knows that edition, or need not. */
bool answer_has_edition(const struct request *request, const PGresult *result);
/* r: of encode_row. Whether a key without a name is worth asking for names again. */
bool answer_wants_names(const struct request *request, int r);
/* How rows of this result are encoded. */
struct encoding answer_encoding(const struct request *request, const PGresult *result);

/* The refusal in a column `_code` of the first row; NULL when there is none. */
const char *answer_code(const PGresult *result);

#endif
