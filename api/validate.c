/* validate.c — a JSON value against the compiled schema; all faults, each with a pointer to where it is. */
#include "validate.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "validate_internal.h"

/* Equal items are looked for pairwise; the contract's lists are far shorter. */
enum { MAX_COMPARED_ITEMS = 512 };

/* Where we are, linked upwards on the stack: it becomes text only when something is wrong there. */
struct place {
    const struct place *above;
    const char *key; /* NULL: an item of a list */
    size_t index;
};

struct validation {
    struct arena *arena;
    struct faults *faults;
};

/* Without memory it is still a fault, of the whole. */
static const struct fault nameless = {.pointer = "", .code = "invalid_value"};

void faults_add(struct faults *faults, struct arena *arena, const char *pointer, const char *code)
{
    const char *copy;

    if (!faults->n && !faults->room) {
        faults->room = arena_alloc(arena, MAX_FAULTS * sizeof *faults->room);
        faults->items = faults->room ? faults->room : &nameless;
        faults->n = !faults->room;
    }
    if (!faults->room || faults->n >= MAX_FAULTS)
        return;
    copy = arena_strdup(arena, pointer);
    faults->room[faults->n++] = (struct fault){.pointer = copy ? copy : "", .code = code};
}

static size_t escaped_size(const char *key)
{
    size_t size = 0;

    for (; *key; key++)
        size += *key == '~' || *key == '/' ? 2 : 1;
    return size;
}

static char *write_escaped(char *end, const char *key)
{
    for (; *key; key++) {
        if (*key == '~' || *key == '/') {
            *end++ = '~';
            *end++ = *key == '~' ? '0' : '1';
        } else {
            *end++ = *key;
        }
    }
    return end;
}

/* Written from the end of `buffer` backwards would save a pass; depth is at most JSON_MAX_DEPTH, so it does not matter.
 */
static char *write_pointer(char *end, const struct place *place)
{
    if (!place)
        return end;
    end = write_pointer(end, place->above);
    *end++ = '/';
    if (place->key)
        return write_escaped(end, place->key);
    return end + snprintf(end, 24, "%zu", place->index);
}

static void add_fault(const struct validation *validation, const struct place *place, const char *code)
{
    size_t size = 1;
    char *pointer;

    for (const struct place *p = place; p; p = p->above)
        size += 1 + (p->key ? escaped_size(p->key) : 24);
    pointer = arena_alloc(validation->arena, size);
    if (pointer)
        *write_pointer(pointer, place) = '\0';
    faults_add(validation->faults, validation->arena, pointer ? pointer : "", code);
}

static unsigned kinds_of(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_NULL:
        return JSON_KIND_NULL;
    case JSON_TRUE:
    case JSON_FALSE:
        return JSON_KIND_BOOLEAN;
    case JSON_INTEGER:
        return JSON_KIND_INTEGER | JSON_KIND_NUMBER;
    case JSON_REAL:
        /* 1e2 is an integer too. */
        return JSON_KIND_NUMBER | (trunc(json_real_value(value)) == json_real_value(value) ? JSON_KIND_INTEGER : 0);
    case JSON_STRING:
        return JSON_KIND_STRING;
    case JSON_ARRAY:
        return JSON_KIND_ARRAY;
    case JSON_OBJECT:
        return JSON_KIND_OBJECT;
    }
    return 0;
}

static int compare_property(const void *key, const void *property)
{
    return strcmp(key, ((const struct property *)property)->name);
}

static const struct property *find_property(const struct schema *schema, const char *key)
{
    /* A free object declares none; bsearch must not see a NULL table. */
    if (!schema->n_properties)
        return NULL;
    return bsearch(key, schema->properties, schema->n_properties, sizeof *schema->properties, compare_property);
}

static void check_value(const struct validation *validation, const struct schema *schema, const json_t *value,
                        const struct place *place);

static bool condition_holds(const struct condition *condition, const json_t *object)
{
    const json_t *value = json_object_get(object, condition->property);

    if (condition->is_text)
        return json_is_string(value) && !strcmp(json_string_value(value), condition->value);
    return json_is_boolean(value) && json_is_true(value) == !strcmp(condition->value, "true");
}

static void check_conditions(const struct validation *validation, const struct schema *schema, const json_t *object,
                             const struct place *place)
{
    for (size_t i = 0; i < schema->n_conditions; i++) {
        const struct condition *condition = &schema->conditions[i];

        if (!condition_holds(condition, object))
            continue;
        for (size_t k = 0; k < condition->n_required; k++) {
            struct place here = {.above = place, .key = condition->required[k]};

            if (!json_object_get(object, condition->required[k]))
                add_fault(validation, &here, "required");
        }
    }
}

static void check_object(const struct validation *validation, const struct schema *schema, const json_t *object,
                         const struct place *place)
{
    const char *key;
    json_t *member;

    /* jansson's iterators take no const object; this one changes nothing. */
    json_object_foreach((json_t *)(uintptr_t)object, key, member)
    {
        const struct property *property = find_property(schema, key);
        struct place here = {.above = place, .key = key};

        if (property)
            check_value(validation, property->schema, member, &here);
        else if (!schema->free_form)
            add_fault(validation, &here, "unknown_field");
    }
    for (size_t i = 0; i < schema->n_properties; i++) {
        const struct property *property = &schema->properties[i];
        struct place here = {.above = place, .key = property->name};

        if (property->required && !json_object_get(object, property->name))
            add_fault(validation, &here, "required");
    }
    check_conditions(validation, schema, object, place);
    if (json_object_size(object) < schema->min_properties)
        add_fault(validation, place, "too_few_fields");
}

static bool has_equal_items(const json_t *array)
{
    size_t n = json_array_size(array);

    if (n > MAX_COMPARED_ITEMS)
        n = MAX_COMPARED_ITEMS;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < i; k++)
            if (json_equal(json_array_get(array, i), json_array_get(array, k)))
                return true;
    return false;
}

static void check_array(const struct validation *validation, const struct schema *schema, const json_t *array,
                        const struct place *place)
{
    size_t n = json_array_size(array);

    if (n < schema->min_items)
        add_fault(validation, place, "too_few_items");
    if (n > schema->max_items) {
        add_fault(validation, place, "too_many_items");
        return; /* its items would only push out the other faults */
    }
    if (schema->unique_items && has_equal_items(array))
        add_fault(validation, place, "duplicate_items");
    for (size_t i = 0; i < n && schema->items; i++) {
        struct place here = {.above = place, .index = i};

        check_value(validation, schema->items, json_array_get(array, i), &here);
    }
}

static const char *real_fault(const struct schema *schema, double value)
{
    bool whole = !(schema->types & JSON_KIND_NUMBER);

    if (whole && fabs(value) > EXACT_INTEGERS)
        return value > 0 ? "too_large" : "too_small";
    return number_fault(schema, value);
}

static void check_value(const struct validation *validation, const struct schema *schema, const json_t *value,
                        const struct place *place)
{
    const char *code = NULL;

    if (!(schema->types & kinds_of(value))) {
        add_fault(validation, place, "wrong_type");
        return;
    }
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        check_object(validation, schema, value, place);
        break;
    case JSON_ARRAY:
        check_array(validation, schema, value, place);
        break;
    case JSON_STRING:
        code = string_fault(schema, json_string_value(value), json_string_length(value));
        break;
    case JSON_INTEGER:
        code = number_fault(schema, (double)json_integer_value(value));
        break;
    case JSON_REAL:
        code = real_fault(schema, json_real_value(value));
        break;
    case JSON_NULL:
    case JSON_TRUE:
    case JSON_FALSE:
        break;
    }
    if (code)
        add_fault(validation, place, code);
}

void validate_json(const struct schema *schema, const json_t *value, struct arena *arena, struct faults *faults)
{
    struct validation validation = {.arena = arena, .faults = faults};

    check_value(&validation, schema, value, /* place= */ NULL);
}
