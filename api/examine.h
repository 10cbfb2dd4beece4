/* examine.h — the checks that a token must pass, one function each, in the order in which they are made. */
#ifndef WHISTLED_EXAMINE_H
#define WHISTLED_EXAMINE_H

#include <jansson.h>
#include <stdbool.h>

#include "arena.h"
#include "auth.h"
#include "keys.h"

enum { MAX_TOKEN_BYTES = 8192, MAX_TOKEN_DEPTH = 16 };

/* One token on the table. What a check finds the later ones use; what was not found is NULL. */
struct examination {
    const struct auth_settings *settings;
    const struct keys *keys;
    struct arena *arena;
    const char *token;
    int64_t now;

    size_t signed_size; /* header, dot, payload */
    const unsigned char *signature;
    size_t signature_size;
    const char *header_text, *payload_text; /* decoded */
    size_t header_size, payload_size;
    json_t *header, *payload;
    const struct key *key;
    struct actor actor;
    int64_t from; /* nbf, or 0 */
    bool no_memory;
};

/* NULL, or the fault: a fixed sentence that tells nothing of the token. */
typedef const char *examine_check(struct examination *examination);

struct check_row {
    const char *name;
    examine_check *run;
    bool essential; /* without it the rest cannot be looked at */
};

extern const struct check_row examine_rows[];
extern const size_t examine_n_rows;

void examine_end(struct examination *examination);

/* Of claims.c: one for each claim, after the signature. */
examine_check claims_issuer, claims_audience, claims_subject, claims_expiry, claims_not_before, claims_issued_at,
    claims_token_id, claims_tenant, claims_roles, claims_organisation, claims_areas;

#endif
