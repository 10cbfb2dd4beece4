/* gate.h — who calls, where a key inside the request says it, and for which street. */
#ifndef WHISTLED_GATE_H
#define WHISTLED_GATE_H

#include <stdbool.h>

#include "request.h"

/* Of an operation with a gate, once its parameters and body were looked at: finds the street that jurisdiction_id
 * means and the client whose api_key was sent, makes them the request's actor and calls `opened`; or refuses. Without a
 * key, where none is needed, the actor is the street with nobody. */
void gate_open(struct request *request, void (*opened)(struct request *request));

/* A field of the query or of the body's form; NULL when absent. */
const char *gate_field(const struct request *request, const char *name);

/* Secrets of machine clients. They are 32 bytes of the kernel's, so that nobody can guess one or find it from its
 * hash: SHA-256 is enough, and what makes guessing of passwords slow (salt, rounds) would only slow us. */
enum { SECRET_BYTES = 32, SECRET_TEXT = 44, SECRET_HASH = 32, SECRET_HEX = 2 + 2 * SECRET_HASH + 1 };

/* base64url, with the NUL. 0 or -Exxx. */
int secret_new(char ret_text[SECRET_TEXT]);
/* As PostgreSQL reads a bytea: \x and hexadecimal digits. 0 or -ENOMEM. */
int secret_hash(const char *secret, char ret_hash[SECRET_HEX]);
/* Is it the one of any row's column `hash`? Every row is compared, each in constant time. */
bool secret_is_among(const char *secret, const PGresult *result);

#endif
