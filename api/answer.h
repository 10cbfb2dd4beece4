/* answer.h — a statement's rows become the reply: object, list or refusal, steered by the columns with an underscore.
 */
#ifndef WHISTLED_ANSWER_H
#define WHISTLED_ANSWER_H

#include "request.h"

enum answered { ANSWER_FULL, ANSWER_EMPTY_LIST };

/* Fills the reply and does not finish it: a list without items may be kept back by who waits for one. */
enum answered answer_fill(struct request *request, const PGresult *result);

/* The refusal in a column `_code` of the first row; NULL when there is none. */
const char *answer_code(const PGresult *result);

#endif
