/* check.h — body and parameters against the contract: all faults at once. */
#ifndef WHISTLED_CHECK_H
#define WHISTLED_CHECK_H

#include "request.h"

/* Parses what the statement will need on the way. NULL when all is well; otherwise a code of errors.def, with the
 * faults in request->faults. */
const char *check_request(struct request *request);

#endif
