/* admit.h — all that can be refused before the body is read, in the order of the contract's conventions. */
#ifndef WHISTLED_ADMIT_H
#define WHISTLED_ADMIT_H

#include "request.h"

/* Framing, size, type, route, format, token, role, rate. NULL when the request may go on; otherwise a code of
 * errors.def, and ret_close says that nothing behind this header can be trusted. */
const char *admit(struct request *request, const char *method, const char *version, bool *ret_close);
/* Bytes that a body may have: the operation's, or those of any JSON body as long as there is no operation. */
size_t admit_max_body(const struct request *request);
/* Whether the token has that role. */
bool admit_is_citizen(const struct actor *actor);
/* Whether the operation is for one of the token's roles; of a machine, for one of its scopes. */
bool admit_lets_in(const struct actor *actor, const struct operation *operation);

#endif
