/* bind.c — a statement's arguments, by name, from the request; all as text, the server knows their types. */
#include "bind.h"

#include <errno.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <string.h>

#include "array.h"
#include "etag.h"
#include "uuid.h"
#include "worker.h"

/* Enough for any double and short for those that people write: 121.4 stays 121.4. */
enum { REAL_DIGITS = 15 };

/* A value, or why there is none: NULL with `failed` when memory was out, NULL without for SQL NULL. */
struct bound {
    const char *text;
    bool failed;
};

static struct bound must(const char *text)
{
    return (struct bound){.text = text, .failed = !text};
}

static struct bound may(const char *text)
{
    return (struct bound){.text = text};
}

static const char *path_value(const struct request *request, const char *name)
{
    const char *rest = request->operation->path;
    size_t size = strlen(name);

    for (size_t i = 0; i < MAX_PATH_VALUES; i++) {
        rest = strchr(rest, '{');
        if (!rest++)
            return NULL;
        if (!strncmp(rest, name, size) && rest[size] == '}')
            return request->path_values[i];
    }
    return NULL;
}

static const char *query_value(const struct request *request, const char *name)
{
    for (size_t i = 0; i < request->n_query; i++)
        if (!strcmp(request->query_names[i], name))
            return request->query_values[i];
    return NULL;
}

const char *bind_parameter(const struct request *request, const struct parameter *parameter)
{
    const char *value = NULL;
    int header;

    switch (parameter->place) {
    case IN_PATH:
        value = path_value(request, parameter->name);
        break;
    case IN_QUERY:
        value = query_value(request, parameter->name);
        break;
    case IN_HEADER:
        header = guard_header_index(parameter->name);
        value = header < 0 ? NULL : request->headers.values[header];
        break;
    }
    return value ? value : parameter->fallback;
}

static struct bound bind_list_parameter(struct request *request, const struct parameter *parameter)
{
    const char **items = arena_alloc(request->arena, (request->n_query + 1) * sizeof *items);
    size_t n = 0;

    if (!items)
        return must(NULL);
    for (size_t i = 0; i < request->n_query; i++)
        if (!strcmp(request->query_names[i], parameter->name))
            items[n++] = request->query_values[i];
    if (!n && parameter->fallback)
        items[n++] = parameter->fallback;
    return n ? must(array_literal(request->arena, items, n)) : may(NULL);
}

static struct bound bind_declared(struct request *request, unsigned index)
{
    const struct parameter *parameter = &request->operation->parameters[index];

    if (parameter->schema->types & JSON_KIND_ARRAY)
        return bind_list_parameter(request, parameter);
    return may(bind_parameter(request, parameter));
}

static struct bound bind_json(struct arena *arena, const json_t *value)
{
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(REAL_DIGITS));
    const char *copy = text ? arena_strdup(arena, text) : NULL;

    free(text);
    return must(copy);
}

static struct bound bind_texts(struct arena *arena, const json_t *array)
{
    size_t n = json_array_size(array);
    const char **items = arena_alloc(arena, (n + 1) * sizeof *items);

    for (size_t i = 0; items && i < n; i++) {
        items[i] = json_string_value(json_array_get(array, i));
        if (!items[i])
            items[i] = "";
    }
    return must(items ? array_literal(arena, items, n) : NULL);
}

static struct bound bind_field(struct request *request, unsigned index)
{
    const struct property *property = &request->operation->body->properties[index];
    const struct schema *items = property->schema->items;
    const json_t *value = json_object_get(request->json, property->name);

    switch (value ? json_typeof(value) : JSON_NULL) {
    case JSON_NULL:
        return may(NULL);
    case JSON_STRING:
        return must(arena_strdup(request->arena, json_string_value(value)));
    case JSON_INTEGER:
        return must(arena_printf(request->arena, "%" JSON_INTEGER_FORMAT, json_integer_value(value)));
    case JSON_REAL:
        return must(arena_printf(request->arena, "%.17g", json_real_value(value)));
    case JSON_TRUE:
        return may("true");
    case JSON_FALSE:
        return may("false");
    case JSON_ARRAY:
        if (items && !(items->types & ~(unsigned)(JSON_KIND_STRING | JSON_KIND_NULL)))
            return bind_texts(request->arena, value);
        return bind_json(request->arena, value);
    case JSON_OBJECT:
        return bind_json(request->arena, value);
    }
    return may(NULL);
}

static struct bound bind_id(struct request *request)
{
    char text[UUID_SIZE];

    /* The same for every run of this request: a repeated write must not make a second object. */
    if (!request->new_id && !uuid_new(text))
        request->new_id = arena_strdup(request->arena, text);
    return must(request->new_id);
}

const char *bind_fingerprint(struct arena *arena, const char *method, const char *path, const char *if_match,
                             const void *body, size_t body_size)
{
    const char *parts[] = {method, path, if_match};
    unsigned char digest[EVP_MAX_MD_SIZE];
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    char *hex = arena_alloc(arena, 65);
    bool fine = hex && context && EVP_DigestInit_ex(context, EVP_sha256(), NULL) == 1;

    for (size_t i = 0; fine && i < sizeof parts / sizeof *parts; i++)
        fine = EVP_DigestUpdate(context, parts[i] ? parts[i] : "", parts[i] ? strlen(parts[i]) + 1 : 1) == 1;
    fine = fine && EVP_DigestUpdate(context, body, body_size) == 1 && EVP_DigestFinal_ex(context, digest, NULL) == 1;
    EVP_MD_CTX_free(context);
    for (size_t i = 0; fine && i < 32; i++)
        snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    return fine ? hex : NULL;
}

static struct bound bind_own_fingerprint(struct request *request)
{
    if (!request->key)
        return may(NULL);
    return must(bind_fingerprint(request->arena, request->method, request->parts.path,
                                 request->headers.values[HEADER_IF_MATCH], request->body ? request->body : "",
                                 request->body_size));
}

static struct bound bind_op_roles(struct request *request)
{
    const char *names[32];
    size_t n = 0;

    for (size_t i = 0; i < contract.n_roles && i < 32; i++)
        if (request->operation->roles & 1u << i)
            names[n++] = contract.roles[i];
    return must(array_literal(request->arena, names, n));
}

static struct bound bind_if_match(struct request *request)
{
    const char *if_match = request->headers.values[HEADER_IF_MATCH];

    return may(if_match ? etag_versions(request->arena, if_match) : NULL);
}

static struct bound bind_actor(const struct request *request, enum argument_source source)
{
    const struct actor *actor = request->actor;

    if (!actor)
        return may(NULL);
    return may(source == ARGUMENT_TENANT  ? actor->tenant
               : source == ARGUMENT_ACTOR ? actor->subject
               : source == ARGUMENT_ROLES ? actor->roles_literal
               : source == ARGUMENT_ORG   ? actor->org
                                          : actor->areas_literal);
}

static struct bound bind_base_url(struct request *request)
{
    const char *url = request->worker->service->config->public_url;
    const char *host = request->headers.values[HEADER_HOST];

    return must(url[0] ? url : arena_printf(request->arena, "http://%s", host ? host : "localhost"));
}

static struct bound bind_contact(const struct request *request)
{
    const char *contact = request->worker->service->config->open311_contact;

    return may(contact[0] ? contact : NULL);
}

static struct bound bind_one(struct request *request, const struct argument *argument)
{
    switch (argument->source) {
    case ARGUMENT_TENANT:
    case ARGUMENT_ACTOR:
    case ARGUMENT_ROLES:
    case ARGUMENT_ORG:
    case ARGUMENT_AREAS:
        return bind_actor(request, argument->source);
    case ARGUMENT_OP_ROLES:
        return bind_op_roles(request);
    case ARGUMENT_ACTION:
        return may(request->operation->action);
    case ARGUMENT_ID:
        return bind_id(request);
    case ARGUMENT_IDEMPOTENCY_KEY:
        return may(request->key);
    case ARGUMENT_FINGERPRINT:
        return bind_own_fingerprint(request);
    case ARGUMENT_IF_MATCH:
        return bind_if_match(request);
    case ARGUMENT_REQUEST_ID:
        return may(request->id);
    case ARGUMENT_LANG:
        return may(request->lang == LANG_EN ? "en" : "zh");
    case ARGUMENT_NOW:
        return may(request->now);
    case ARGUMENT_CURSOR:
        return may(request->cursor);
    case ARGUMENT_LIMIT:
        return must(arena_printf(request->arena, "%u", request->limit + 1));
    case ARGUMENT_BODY:
        return may(request->json_text ? request->json_text : "{}");
    case ARGUMENT_SECRET_HASH:
        return may(request->secret_hash);
    case ARGUMENT_KEY_HASH:
        return may(request->key_hash);
    case ARGUMENT_BASE_URL:
        return bind_base_url(request);
    case ARGUMENT_CONTACT:
        return bind_contact(request);
    case ARGUMENT_PARAMETER:
        return bind_declared(request, argument->index);
    case ARGUMENT_FIELD:
        return bind_field(request, argument->index);
    case ARGUMENT_GIVEN:
        break; /* such a statement is never bound from a request */
    }
    return may(NULL);
}

int bind_arguments(struct request *request, const struct statement *statement, const char ***ret_values)
{
    const char **values = arena_alloc(request->arena, (statement->n_arguments + 1) * sizeof *values);

    if (!values)
        return -ENOMEM;
    for (size_t i = 0; i < statement->n_arguments; i++) {
        struct bound bound = bind_one(request, &statement->arguments[i]);

        if (bound.failed)
            return -ENOMEM;
        values[i] = bound.text;
    }
    *ret_values = values;
    return 0;
}
