/* token_claims.c — what a token of ours says. */
#include "token_claims.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Where the service will look for it: realm_access.roles is an object in an object. Takes the value over. */
static int put(json_t *claims, const char *name, json_t *value)
{
    const char *dot = strchr(name, '.');
    json_t *inner;

    if (!dot)
        return json_object_set_new(claims, name, value);
    inner = json_object();
    if (inner) {
        char *member = strndup(name, (size_t)(dot - name));
        json_t *present = member ? json_object_get(claims, member) : NULL;

        if (present)
            json_decref(inner);
        else if (!member || json_object_set_new(claims, member, inner))
            inner = NULL;
        inner = present ? present : inner;
        free(member);
    }
    if (inner)
        return put(inner, dot + 1, value);
    json_decref(value);
    return -1;
}

static json_t *texts(const char *const *items, size_t n)
{
    json_t *array = json_array();

    for (size_t i = 0; i < n; i++)
        json_array_append_new(array, json_string(items[i]));
    return array;
}

json_t *token_claims(const struct token_grant *grant, const struct config *config)
{
    json_int_t now = time(NULL);
    json_t *claims = json_object();
    int failed = claims ? 0 : -1;

    if (config->issuer[0])
        failed |= put(claims, "iss", json_string(config->issuer));
    if (config->audience[0])
        failed |= put(claims, "aud", json_string(config->audience));
    failed |= put(claims, "sub", json_string(grant->subject));
    failed |= put(claims, "iat", json_integer(now));
    failed |= put(claims, "exp", json_integer(now + grant->ttl_s));
    failed |= put(claims, config->claim_tenant, json_string(grant->tenant));
    failed |= put(claims, config->claim_roles, texts(grant->roles, grant->n_roles));
    if (grant->organisation)
        failed |= put(claims, config->claim_org, json_string(grant->organisation));
    if (grant->id)
        failed |= put(claims, "jti", json_string(grant->id));
    if (grant->n_areas)
        failed |= put(claims, config->claim_areas, texts(grant->areas, grant->n_areas));
    if (!failed)
        return claims;
    json_decref(claims);
    return NULL;
}
