/* claims.c — what a token says, claim by claim; believed once its signature was checked. */
#include <math.h>
#include <string.h>

#include "array.h"
#include "examine.h"

enum { MAX_SUBJECT = 255, MAX_CODE = 128, MAX_LIST = 64 };

/* The last second of the year 9999: what lies behind is a mistake, or milliseconds. */
#define MAX_TIME 253402300799

/* A claim by its configured name: as it stands, since names may contain dots (https://id.example/roles), or one object
 * down at each dot. */
static const json_t *claim(const struct examination *examination, const char *name)
{
    const json_t *value = json_object_get(examination->payload, name);
    const json_t *object = examination->payload;

    while (!value && object) {
        char member[MAX_CODE + 1];
        size_t size = strcspn(name, ".");

        if (size > MAX_CODE)
            return NULL;
        memcpy(member, name, size);
        member[size] = '\0';
        object = json_object_get(object, member);
        if (!name[size])
            return json_is_null(object) ? NULL : object;
        name += size + 1;
    }
    return json_is_null(value) ? NULL : value;
}

/* Without control characters, of C0, DEL and C1: these texts go to logs and terminals. */
static bool is_plain(const char *text, size_t max)
{
    size_t size = text ? strlen(text) : 0;

    if (!size || size > max)
        return false;
    for (const unsigned char *c = (const unsigned char *)text; *c; c++)
        if (*c < 0x20 || *c == 0x7f || (c[0] == 0xc2 && c[1] >= 0x80 && c[1] < 0xa0))
            return false;
    return true;
}

/* NumericDate: whole seconds or parts of them; nothing else is a time. */
static bool is_time(const json_t *value, int64_t *ret_time)
{
    double real = json_is_real(value) ? floor(json_real_value(value)) : -1;

    if (json_is_integer(value) && json_integer_value(value) >= 0 && json_integer_value(value) <= MAX_TIME)
        *ret_time = json_integer_value(value);
    else if (real >= 0 && real <= (double)MAX_TIME)
        *ret_time = (int64_t)real;
    else
        return false;
    return true;
}

static bool is_text(const json_t *value, const char *wanted)
{
    const char *text = json_string_value(value);

    return text && !strcmp(text, wanted);
}

static bool is_set(const char *text)
{
    return text && *text;
}

const char *claims_issuer(struct examination *examination)
{
    const char *issuer = examination->settings->issuer;

    if (!is_set(issuer) || is_text(json_object_get(examination->payload, "iss"), issuer))
        return NULL;
    return "the token is of another issuer";
}

const char *claims_audience(struct examination *examination)
{
    const char *audience = examination->settings->audience;
    const json_t *value = json_object_get(examination->payload, "aud");
    bool named = is_set(audience) && is_text(value, audience);

    for (size_t i = 0; i < json_array_size(value); i++) {
        if (!json_is_string(json_array_get(value, i)))
            return "the audience is neither text nor a list of texts";
        named |= is_set(audience) && is_text(json_array_get(value, i), audience);
    }
    return named || !is_set(audience) ? NULL : "the token is for another audience";
}

const char *claims_subject(struct examination *examination)
{
    examination->actor.subject = json_string_value(json_object_get(examination->payload, "sub"));
    return is_plain(examination->actor.subject, MAX_SUBJECT) ? NULL : "the subject is no plain text of 1 to 255 bytes";
}

const char *claims_expiry(struct examination *examination)
{
    const json_t *value = json_object_get(examination->payload, "exp");

    if (!value)
        return "the token never expires";
    if (!is_time(value, &examination->actor.expires_at))
        return "the time of expiry is no time";
    if (examination->now >= examination->actor.expires_at + examination->settings->leeway_s)
        return "the token has expired";
    return NULL;
}

const char *claims_not_before(struct examination *examination)
{
    const json_t *value = json_object_get(examination->payload, "nbf");
    int64_t from = 0;

    if (value && !is_time(value, &from))
        return "the time of its beginning is no time";
    examination->from = from - examination->settings->leeway_s;
    return examination->now < examination->from ? "the token is not valid yet" : NULL;
}

const char *claims_issued_at(struct examination *examination)
{
    const json_t *value = json_object_get(examination->payload, "iat");
    int64_t at = 0;

    if (value && !is_time(value, &at))
        return "the time of issue is no time";
    return at - examination->settings->leeway_s > examination->now ? "the token was issued in the future" : NULL;
}

const char *claims_token_id(struct examination *examination)
{
    const json_t *value = json_object_get(examination->payload, "jti");

    return !value || json_is_string(value) ? NULL : "the token id is no text";
}

const char *claims_tenant(struct examination *examination)
{
    examination->actor.tenant = json_string_value(claim(examination, examination->settings->claim_tenant));
    return is_plain(examination->actor.tenant, MAX_CODE) ? NULL : "the tenant is no plain text of 1 to 128 bytes";
}

/* A list of texts, or texts with blanks between them as in `scope` (RFC 6749). -1 when it is neither. */
static int split(struct examination *examination, const json_t *value, const char **ret_items)
{
    const char *text = json_string_value(value);
    size_t n = 0;

    if (!text && !json_is_array(value))
        return -1;
    if (!text && json_array_size(value) > MAX_LIST)
        return -1;
    for (; !text && n < json_array_size(value); n++) {
        ret_items[n] = json_string_value(json_array_get(value, n));
        if (!is_plain(ret_items[n], MAX_CODE))
            return -1;
    }
    for (size_t size; text && *(text += strspn(text, " ")); text += size) {
        size = strcspn(text, " ");
        if (n == MAX_LIST)
            return -1;
        ret_items[n] = arena_strndup(examination->arena, text, size);
        examination->no_memory |= !ret_items[n];
        if (!ret_items[n] || !is_plain(ret_items[n++], MAX_CODE))
            return -1;
    }
    return (int)n;
}

static const char *literal(struct examination *examination, const char *const *items, size_t n)
{
    const char *text = array_literal(examination->arena, items, n);

    examination->no_memory |= !text;
    return text;
}

/* Roles of other services stand there too: what the contract does not name is passed over. */
const char *claims_roles(struct examination *examination)
{
    const struct auth_settings *settings = examination->settings;
    const json_t *value = claim(examination, settings->claim_roles);
    const char *items[MAX_LIST], *known[32];
    int n = value ? split(examination, value, items) : 0;
    size_t n_known = 0;

    if (n < 0)
        return "the roles are neither a list of texts nor texts with blanks between";
    for (size_t role = 0; role < settings->n_roles && role < 32; role++)
        for (int i = 0; i < n; i++)
            if (!strcmp(items[i], settings->roles[role]) && !(examination->actor.roles & 1u << role)) {
                examination->actor.roles |= 1u << role;
                known[n_known++] = settings->roles[role];
            }
    examination->actor.roles_literal = literal(examination, known, n_known);
    return NULL;
}

const char *claims_organisation(struct examination *examination)
{
    const json_t *value = claim(examination, examination->settings->claim_org);

    if (!value)
        return NULL;
    examination->actor.org = json_string_value(value);
    return is_plain(examination->actor.org, MAX_CODE) ? NULL : "the organisation is no plain text of 1 to 128 bytes";
}

/* An empty list narrows to nothing; only a claim that is not there does not narrow. */
const char *claims_areas(struct examination *examination)
{
    const json_t *value = claim(examination, examination->settings->claim_areas);
    const char *items[MAX_LIST];
    int n = value ? split(examination, value, items) : 0;

    if (n < 0)
        return "the areas are neither a list of texts nor texts with blanks between";
    if (value)
        examination->actor.areas_literal = literal(examination, items, (size_t)n);
    return NULL;
}
