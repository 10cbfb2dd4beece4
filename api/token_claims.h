/* token_claims.h — what a token of ours says, under the configured names of its claims. */
#ifndef WHISTLED_TOKEN_CLAIMS_H
#define WHISTLED_TOKEN_CLAIMS_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "config.h"

struct token_grant {
    const char *subject, *tenant;
    const char *organisation; /* NULL: not narrowed */
    const char *id;           /* jti; NULL: none */
    const char *const *roles; /* and scopes */
    size_t n_roles;
    const char *const *areas; /* none: not narrowed */
    size_t n_areas;
    int64_t ttl_s;
};

/* To be json_decref'ed. NULL when memory is out or a text is not UTF-8. */
json_t *token_claims(const struct token_grant *grant, const struct config *config);

#endif
