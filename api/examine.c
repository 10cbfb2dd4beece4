/* examine.c — the checks that a token must pass before its claims are believed: shape, header, key, signature. */
#include "examine.h"

#include <string.h>
#include <strings.h>

#include "text.h"

/* What jansson would do with 8 KiB of brackets: two thousand calls deep. libjwt parses the same texts again. */
static bool is_shallow(const char *text, size_t size)
{
    unsigned depth = 0;
    bool quoted = false;

    for (size_t i = 0; i < size; i++) {
        char c = text[i];

        if (quoted && c == '\\')
            i++;
        else if (c == '"')
            quoted = !quoted;
        else if (!quoted && (c == '[' || c == '{') && ++depth > MAX_TOKEN_DEPTH)
            return false;
        else if (!quoted && (c == ']' || c == '}') && depth)
            depth--;
    }
    return true;
}

/* Duplicate names are refused, not resolved: two readers of one token must never see two tokens. */
static json_t *parse_object(const char *text, size_t size)
{
    json_t *value = is_shallow(text, size) ? json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL) : NULL;

    if (json_is_object(value))
        return value;
    json_decref(value);
    return NULL;
}

/* Strict base64url: libjwt's own decoder steps over what is none, so that many texts would carry one signature. */
static const unsigned char *decode(struct examination *examination, const char *text, size_t size, size_t *ret_size)
{
    unsigned char *bytes = arena_alloc(examination->arena, size + 1);
    long length = bytes ? text_base64url_decode(text, size, bytes) : -1;

    examination->no_memory |= !bytes;
    if (length < 0)
        return NULL;
    *ret_size = (size_t)length;
    return bytes;
}

static const char *check_shape(struct examination *examination)
{
    const char *token = examination->token;
    size_t size = strlen(token);
    const char *first = strchr(token, '.');
    const char *second = first ? strchr(first + 1, '.') : NULL;

    if (size > MAX_TOKEN_BYTES)
        return "the token is longer than 8 KiB";
    if (!second || strchr(second + 1, '.'))
        return "the token does not have three parts";
    examination->signed_size = (size_t)(second - token);
    examination->header_text =
        (const char *)decode(examination, token, (size_t)(first - token), &examination->header_size);
    examination->payload_text =
        (const char *)decode(examination, first + 1, (size_t)(second - first - 1), &examination->payload_size);
    examination->signature = decode(examination, second + 1, strlen(second + 1), &examination->signature_size);
    if (!examination->header_text || !examination->payload_text || !examination->signature)
        return "a part of the token is not base64url";
    return NULL;
}

static const char *check_header(struct examination *examination)
{
    examination->header = parse_object(examination->header_text, examination->header_size);
    return examination->header ? NULL : "the header is no JSON object, or has a name twice, or is nested too deep";
}

/* `crit` names what a reader must understand, and we understand none; `b64` changes what is signed. Keys that a token
 * brings along (jwk, jku, x5u, x5c) are never looked at. */
static const char *check_extensions(struct examination *examination)
{
    if (json_object_get(examination->header, "crit") || json_object_get(examination->header, "b64"))
        return "the header demands an extension";
    return NULL;
}

/* The type of access tokens (RFC 9068): libjwt knows only JWT. */
static bool is_access_token_type(const struct examination *examination)
{
    const char *type = json_string_value(json_object_get(examination->header, "typ"));

    return type && (!strcasecmp(type, "at+jwt") || !strcasecmp(type, "application/at+jwt"));
}

static const char *check_type(struct examination *examination)
{
    const json_t *value = json_object_get(examination->header, "typ");
    const char *type = json_string_value(value);

    if (!value || is_access_token_type(examination) || (type && !strcasecmp(type, "JWT")))
        return NULL;
    return "the type is neither JWT nor at+jwt";
}

static const char *check_key(struct examination *examination)
{
    const json_t *kid = json_object_get(examination->header, "kid");

    if (kid && (!json_string_length(kid) || json_string_length(kid) > KEYS_MAX_KID))
        return "the kid is no text of 1 to 255 bytes";
    examination->key = keys_find(examination->keys, json_string_value(kid));
    if (examination->key)
        return NULL;
    return kid ? "no key has this kid" : "the token names no key, and there is not exactly one";
}

/* The key says how it is used, never the token: with the token's word an RSA public key becomes an HMAC secret that all
 * know. */
static const char *check_algorithm(struct examination *examination)
{
    const char *algorithm = json_string_value(json_object_get(examination->header, "alg"));

    if (!algorithm)
        return "the header names no algorithm";
    if (!strcasecmp(algorithm, "none"))
        return "the token is not signed";
    if (!examination->key)
        return "there is no key to compare the algorithm with";
    if (strcmp(algorithm, key_algorithm_name(examination->key->algorithm)) != 0)
        return "the algorithm is not that of the key";
    return NULL;
}

static const char *check_payload(struct examination *examination)
{
    examination->payload = parse_object(examination->payload_text, examination->payload_size);
    return examination->payload ? NULL : "the payload is no JSON object, or has a name twice, or is nested too deep";
}

/* OpenSSL with the parsed key first: a forgery costs 20 to 60 µs. What it lets pass libjwt reads once more, 500 µs with
 * a fresh parse of the PEM, once for each token; two readers have to be fooled. at+jwt is the one thing that libjwt
 * does not know. */
static const char *check_signature(struct examination *examination)
{
    const struct key *key = examination->key;
    const char *algorithm = json_string_value(json_object_get(examination->header, "alg"));
    const char *subject = json_string_value(json_object_get(examination->payload, "sub"));

    if (!key || !algorithm || strcmp(algorithm, key_algorithm_name(key->algorithm)) != 0)
        return "there is no key to check the signature with";
    if (examination->signature_size != key->signature_size)
        return "the signature has not the size of one by this key";
    if (!key_signed(key, examination->token, examination->signed_size, examination->signature,
                    examination->signature_size))
        return "the signature is wrong";
    if (!subject)
        return "there is no subject";
    if (!is_access_token_type(examination) && !key_confirms(key, examination->token, subject))
        return "the signature is wrong";
    return NULL;
}

/* The key comes before the algorithm, which is its to say. */
const struct check_row examine_rows[] = {
    {.name = "shape", .run = check_shape, .essential = true},
    {.name = "header", .run = check_header, .essential = true},
    {.name = "extensions", .run = check_extensions},
    {.name = "typ", .run = check_type},
    {.name = "kid", .run = check_key},
    {.name = "alg", .run = check_algorithm},
    {.name = "payload", .run = check_payload, .essential = true},
    {.name = "signature", .run = check_signature},
    {.name = "iss", .run = claims_issuer},
    {.name = "aud", .run = claims_audience},
    {.name = "sub", .run = claims_subject},
    {.name = "exp", .run = claims_expiry},
    {.name = "nbf", .run = claims_not_before},
    {.name = "iat", .run = claims_issued_at},
    {.name = "jti", .run = claims_token_id},
    {.name = "tenant", .run = claims_tenant},
    {.name = "roles", .run = claims_roles},
    {.name = "org", .run = claims_organisation},
    {.name = "areas", .run = claims_areas},
};
const size_t examine_n_rows = sizeof examine_rows / sizeof examine_rows[0];

void examine_end(struct examination *examination)
{
    json_decref(examination->header);
    json_decref(examination->payload);
    examination->header = examination->payload = NULL;
}
