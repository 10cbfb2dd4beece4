/* check.c — body and parameters against the contract: all faults at once. */
#include "check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "bind.h"
#include "cursor.h"
#include "form.h"
#include "form_upload.h"
#include "negotiate.h"

enum { MAX_KEY = 255 };

static void fault(struct request *request, const char *pointer, const char *code)
{
    faults_add(&request->faults, request->arena, pointer, code);
}

static const char *parse_form(struct request *request)
{
    int r = form_parse(request->arena, request->operation->body, request->body ? request->body : "", request->body_size,
                       &request->json, &request->faults);

    return !r ? NULL : r == -ENOMEM ? "unavailable" : "malformed_form";
}

/* The same as JSON from here on: @body is what the fields became. */
static const char *check_form(struct request *request)
{
    const struct schema *schema = request->operation->body;
    char *text;
    const char *code = request->body_chunk ? form_upload_close(request) : parse_form(request);

    if (code)
        return code;
    text = json_dumps(request->json, JSON_COMPACT);
    request->json_text = text ? arena_strdup(request->arena, text) : NULL;
    free(text);
    if (!request->json_text)
        return "unavailable";
    validate_json(schema, request->json, request->arena, &request->faults);
    return NULL;
}

static const char *check_body(struct request *request)
{
    const struct operation *operation = request->operation;
    const char *code = NULL;
    int r;

    if (operation->raw_body)
        return NULL;
    if (operation->form)
        return check_form(request);
    if (!request->body_size)
        /* Nothing at all is no JSON text; a body that may be absent stands for {}. */
        return operation->body_required ? "malformed_json" : NULL;
    if (!operation->body)
        return "unexpected_body";
    r = validate_parse(request->body, request->body_size, &request->json, &code);
    if (r == -EINVAL) {
        fault(request, "", code);
        return NULL;
    }
    if (r)
        return r == -ENOMEM ? "unavailable" : "malformed_json";
    request->json_text = request->body;
    validate_json(operation->body, request->json, request->arena, &request->faults);
    return NULL;
}

static const char *pointer_of(struct request *request, const struct parameter *parameter)
{
    static const char *const places[] = {[IN_PATH] = "path", [IN_QUERY] = "query", [IN_HEADER] = "header"};
    const char *pointer = arena_printf(request->arena, "%s.%s", places[parameter->place], parameter->name);

    return pointer ? pointer : parameter->name;
}

/* `2024-11-23T16:20:00+08:00` typed by hand into an address: its plus became a blank. */
static const char *repaired(struct request *request, const struct schema *schema, const char *value)
{
    char *text, *blank;

    if ((schema->format != FORMAT_DATE_TIME && schema->format != FORMAT_W3C) || !strchr(value, ' '))
        return value;
    text = arena_strdup(request->arena, value);
    blank = text ? strrchr(text, ' ') : NULL;
    if (blank)
        *blank = '+';
    return text ? text : value;
}

static void check_query_parameter(struct request *request, const struct parameter *parameter)
{
    bool list = parameter->schema->types & JSON_KIND_ARRAY;
    const struct schema *schema = list ? parameter->schema->items : parameter->schema;
    const char *pointer = pointer_of(request, parameter);
    size_t n = 0;

    for (size_t i = 0; i < request->n_query; i++) {
        if (strcmp(request->query_names[i], parameter->name) != 0)
            continue;
        n++;
        request->parts.values[i] = repaired(request, schema, request->query_values[i]);
        validate_text(schema, request->query_values[i], pointer, request->arena, &request->faults);
    }
    if (!list && n > 1)
        fault(request, pointer, "repeated_parameter");
    if (list && parameter->schema->max_items && n > parameter->schema->max_items)
        fault(request, pointer, "too_many_items");
    if (!n && parameter->required)
        fault(request, pointer, "required");
}

/* Headers that the core itself reads have their own checks. */
static bool is_own_header(const char *name)
{
    return !strcasecmp(name, "If-Match") || !strcasecmp(name, "Idempotency-Key") || !strcasecmp(name, "Prefer") ||
           !strcasecmp(name, "Accept-Language") || !strcasecmp(name, "If-None-Match") ||
           !strcasecmp(name, "X-Request-Id");
}

static void check_parameter(struct request *request, const struct parameter *parameter)
{
    const char *value;

    if (parameter->place == IN_QUERY) {
        check_query_parameter(request, parameter);
        return;
    }
    if (parameter->place == IN_HEADER && is_own_header(parameter->name))
        return;
    value = bind_parameter(request, parameter);
    if (value)
        validate_text(parameter->schema, value, pointer_of(request, parameter), request->arena, &request->faults);
    else if (parameter->required)
        fault(request, pointer_of(request, parameter), "required");
}

static void check_unknown(struct request *request)
{
    const struct operation *operation = request->operation;

    for (size_t i = 0; i < request->n_query; i++) {
        bool known = false;

        for (size_t k = 0; k < operation->n_parameters && !known; k++)
            known = operation->parameters[k].place == IN_QUERY &&
                    !strcmp(operation->parameters[k].name, request->query_names[i]);
        if (!known) {
            const char *pointer = arena_printf(request->arena, "query.%s", request->query_names[i]);

            fault(request, pointer ? pointer : "query", "unknown_parameter");
        }
    }
}

static const struct parameter *find_parameter(const struct request *request, const char *name)
{
    for (size_t i = 0; i < request->operation->n_parameters; i++)
        if (request->operation->parameters[i].place == IN_QUERY &&
            !strcmp(request->operation->parameters[i].name, name))
            return &request->operation->parameters[i];
    return NULL;
}

/* “Optional arguments” of GeoReport v2: empty is the same as absent. And what it does not know it passes over: its
 * clients send each other's extensions. */
static bool counts(const struct request *request, const char *name, const char *value)
{
    for (size_t i = 0; *value && i < request->operation->n_parameters; i++)
        if (request->operation->parameters[i].place == IN_QUERY &&
            !strcmp(request->operation->parameters[i].name, name))
            return true;
    return false;
}

static void pass_over(struct request *request)
{
    struct target *parts = &request->parts;
    size_t kept = 0;

    for (size_t i = 0; i < parts->n_query; i++) {
        if (!counts(request, parts->names[i], parts->values[i]))
            continue;
        parts->names[kept] = parts->names[i];
        parts->values[kept++] = parts->values[i];
    }
    request->n_query = parts->n_query = kept;
}

/* Only asked when everything else is right: a cursor is bound to its filters. */
static void take_page(struct request *request)
{
    const struct parameter *limit = find_parameter(request, "limit");
    const struct parameter *cursor = find_parameter(request, "cursor");
    const char *size = limit ? bind_parameter(request, limit) : NULL;
    const char *text = cursor ? bind_parameter(request, cursor) : NULL;
    struct cursor_scope scope = cursor_scope_of(request);

    if (size)
        request->limit = (unsigned)strtoul(size, NULL, 10);
    if (!text)
        return;
    request->cursor = cursor_open(request->arena, &scope, text);
    if (!request->cursor)
        fault(request, "query.cursor", "cursor_invalid");
}

/* 1–255 visible characters, with or without quotes. */
static void take_key(struct request *request)
{
    const char *key = request->headers.values[HEADER_IDEMPOTENCY_KEY];
    size_t size = key ? strlen(key) : 0;
    bool fine = true;

    if (!key || !request->operation->takes_key)
        return;
    if (size >= 2 && key[0] == '"' && key[size - 1] == '"')
        key++, size -= 2;
    for (size_t i = 0; i < size; i++)
        fine = fine && key[i] > 0x20 && key[i] < 0x7f;
    if (!fine || !size || size > MAX_KEY)
        fault(request, "header.Idempotency-Key", "bad_format");
    else
        request->key = arena_strndup(request->arena, key, size);
}

/* The name of the whole: of the body's faults, of the cursor alone, or of the parameters. */
static const char *summary(const struct request *request)
{
    const struct fault *first = &request->faults.items[0];

    if (!first->pointer[0] || first->pointer[0] == '/')
        return "invalid_body";
    return !strcmp(first->code, "cursor_invalid") ? first->code : "invalid_parameter";
}

static void take_now(struct request *request)
{
    static const struct schema moment = {.types = JSON_KIND_STRING, .format = FORMAT_DATE_TIME, .max_length = 64};

    if (request->now)
        validate_text(&moment, request->now, "header.Whistled-Now", request->arena, &request->faults);
}

const char *check_request(struct request *request)
{
    const struct operation *operation = request->operation;
    const char *code = check_body(request);

    if (code)
        return code;
    if (request->manner == MANNER_OPEN311)
        pass_over(request);
    for (size_t i = 0; i < operation->n_parameters; i++)
        check_parameter(request, &operation->parameters[i]);
    check_unknown(request);
    take_key(request);
    take_now(request);
    if (!request->faults.n)
        take_page(request);
    if (request->faults.n)
        return summary(request);
    if (operation->if_match && !request->headers.values[HEADER_IF_MATCH])
        return "precondition_required";
    if (operation->waits)
        request->wait_s = negotiate_wait(request->headers.values[HEADER_PREFER]);
    return NULL;
}
