/* form.c — application/x-www-form-urlencoded becomes a JSON object. */
#include "form.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "guard.h"
#include "text.h"

/* `attribute[size][]`, taken apart. */
struct field_name {
    char name[MAX_FORM_NAME + 1];
    const char *member; /* NULL: none */
    bool list;
};

static bool part_name(const char *text, struct field_name *ret_name)
{
    size_t size = strlen(text);
    char *open;

    *ret_name = (struct field_name){.member = NULL};
    if (size > MAX_FORM_NAME)
        return false;
    memcpy(ret_name->name, text, size + 1);
    ret_name->list = size > 2 && !strcmp(text + size - 2, "[]");
    if (ret_name->list)
        ret_name->name[size -= 2] = '\0';
    open = strchr(ret_name->name, '[');
    if (!open)
        return true;
    if (ret_name->name[size - 1] != ']' || open + 2 > ret_name->name + size - 1)
        return false;
    *open = ret_name->name[size - 1] = '\0';
    ret_name->member = open + 1;
    return !strpbrk(ret_name->member, "[]");
}

static int compare_property(const void *key, const void *property)
{
    return strcmp(key, ((const struct property *)property)->name);
}

static const struct property *find_property(const struct schema *schema, const char *name)
{
    return schema->n_properties
               ? bsearch(name, schema->properties, schema->n_properties, sizeof *schema->properties, compare_property)
               : NULL;
}

/* 41.67 and true where the schema wants such. Everything else is a text. */
static json_t *value_of(const struct schema *schema, const char *text)
{
    json_t *value = NULL;

    if (schema->types & JSON_KIND_BOOLEAN && !strcmp(text, "true"))
        return json_true();
    if (schema->types & JSON_KIND_BOOLEAN && !strcmp(text, "false"))
        return json_false();
    if (schema->types & (JSON_KIND_NUMBER | JSON_KIND_INTEGER) && strchr("-0123456789", *text))
        value = json_loads(text, JSON_DECODE_ANY, NULL);
    if (value && json_is_number(value))
        return value;
    json_decref(value);
    return json_string(text);
}

/* 0, -EEXIST when it is there already, or -ENOMEM. Takes the value over. */
static int put(json_t *object, const char *name, bool list, json_t *value)
{
    json_t *present = json_object_get(object, name);

    if (present && !(list && json_is_array(present))) {
        json_decref(value);
        return -EEXIST;
    }
    if (!list)
        return json_object_set_new(object, name, value) ? -ENOMEM : 0;
    if (!present) {
        present = json_array();
        if (json_object_set_new(object, name, present)) {
            json_decref(value);
            return -ENOMEM;
        }
    }
    return json_array_append_new(present, value) ? -ENOMEM : 0;
}

/* The object that a member belongs to; made by its first member. */
static json_t *inner_object(json_t *object, const char *name)
{
    json_t *inner = json_object_get(object, name);

    if (!inner && !json_object_set_new(object, name, json_object()))
        inner = json_object_get(object, name);
    return inner;
}

static void add_duplicate(struct arena *arena, const struct field_name *field, struct faults *faults)
{
    const char *pointer = field->member ? arena_printf(arena, "/%s/%s", field->name, field->member)
                                        : arena_printf(arena, "/%s", field->name);

    faults_add(faults, arena, pointer ? pointer : "", "duplicate_field");
}

int form_put(struct arena *arena, const struct schema *schema, json_t *object, const char *name, const char *value,
             struct faults *faults)
{
    static const struct schema any_text = {.types = JSON_KIND_STRING};
    const struct property *property;
    const struct schema *items;
    struct field_name field;
    bool list, wants_member;
    int r;

    property = *value && part_name(name, &field) ? find_property(schema, field.name) : NULL;
    if (!property)
        return 0;
    wants_member = property->schema->types & JSON_KIND_OBJECT;
    list = property->schema->types & JSON_KIND_ARRAY || (wants_member && field.list);
    if (wants_member != (field.member != NULL) || (field.list && !list))
        return 0;
    items = wants_member ? &any_text : list ? property->schema->items : property->schema;
    if (wants_member)
        object = inner_object(object, field.name);
    if (!object)
        return -ENOMEM;
    r = put(object, wants_member ? field.member : field.name, list, value_of(items, value));
    if (r == -EEXIST)
        add_duplicate(arena, &field, faults);
    return r == -EEXIST ? 0 : r;
}

/* `name=value`, in the form's own escapes. */
static int put_pair(struct arena *arena, const struct schema *schema, json_t *object, const char *text, size_t size,
                    struct faults *faults)
{
    const char *equals = memchr(text, '=', size);
    size_t name_size = equals ? (size_t)(equals - text) : size;
    const char *name = guard_decode(arena, text, name_size, /* plus_is_blank= */ true);
    const char *value =
        guard_decode(arena, equals ? equals + 1 : "", equals ? size - name_size - 1 : 0, /* plus_is_blank= */ true);

    return name && value ? form_put(arena, schema, object, name, value, faults) : -EBADMSG;
}

int form_parse(struct arena *arena, const struct schema *schema, const char *text, size_t size, json_t **ret_value,
               struct faults *faults)
{
    json_t *object = json_object();
    size_t n = 0;
    int r = object ? 0 : -ENOMEM;

    for (size_t at = 0; at < size && !r;) {
        const char *end = memchr(text + at, '&', size - at);
        size_t length = end ? (size_t)(end - text) - at : size - at;

        if (length)
            r = ++n > MAX_FORM_FIELDS ? -E2BIG : put_pair(arena, schema, object, text + at, length, faults);
        at += length + 1;
    }
    if (r) {
        json_decref(object);
        return r;
    }
    *ret_value = object;
    return 0;
}
