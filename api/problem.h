/* problem.h — refusals as application/problem+json (RFC 9457), in the client's language. */
#ifndef WHISTLED_PROBLEM_H
#define WHISTLED_PROBLEM_H

#include "request.h"

/* A row of the catalogue; never NULL: an unknown code is a bug of ours and becomes `internal`. */
const struct error_entry *problem_entry(const char *code);

/* The problem alone, as one JSON object, behind what is in `out`. */
void problem_write(struct buffer *out, const struct request *request, const char *code, const char *detail,
                   size_t detail_size, const char *pointer, const struct faults *faults);

/* Fills the reply. `detail` is a JSON object's text whose members are merged in, `pointer` the field meant; both may be
 * NULL. Faults collected in the request become `errors`. */
void problem_fill(struct request *request, const char *code, const char *detail, size_t detail_size,
                  const char *pointer);

#endif
