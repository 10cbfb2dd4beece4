/* test_form.c — fields of a form become what the schema wants; what is no form is none; odd names are passed over. */
#include "unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "form.h"

static const struct schema text = {.types = JSON_KIND_STRING, .max_length = SIZE_MAX};
static const struct schema real = {.types = JSON_KIND_NUMBER};
static const struct schema whole = {.types = JSON_KIND_INTEGER};
static const struct schema flag = {.types = JSON_KIND_BOOLEAN};
static const struct schema texts = {.types = JSON_KIND_ARRAY, .items = &text, .max_items = SIZE_MAX};
static const struct schema free_form = {.types = JSON_KIND_OBJECT, .free_form = true};
static const struct property properties[] = {
    {.name = "attribute", .schema = &free_form}, {.name = "flag", .schema = &flag},
    {.name = "real", .schema = &real},           {.name = "text", .schema = &text},
    {.name = "texts", .schema = &texts},         {.name = "whole", .schema = &whole},
};
static const struct schema body = {.types = JSON_KIND_OBJECT, .properties = properties, .n_properties = 6};

/* The object as JSON, or "-74: " and the like. */
static void check(const char *form, const char *expected, const char *duplicate)
{
    struct arena *arena = arena_new(1 << 20);
    struct faults faults = {0};
    json_t *value = NULL;
    char *found;
    char number[16];
    int r = form_parse(arena, &body, form, strlen(form), &value, &faults);

    found = r ? NULL : json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS);
    snprintf(number, sizeof number, "%d", r);
    assert_string_equal(found ? found : number, expected);
    assert_int_equal(faults.n, duplicate != NULL);
    if (duplicate) {
        assert_string_equal(faults.items[0].pointer, duplicate);
        assert_string_equal(faults.items[0].code, "duplicate_field");
    }
    free(found);
    json_decref(value);
    arena_free(arena);
}

static void test_values(void **state)
{
    (void)state;
    check("", "{}", NULL);
    check("&&text=a&", "{\"text\":\"a\"}", NULL);
    check("text=a+b%2Bc%26%3D", "{\"text\":\"a b+c&=\"}", NULL);
    check("text=%E5%9D%91&unknown=1", "{\"text\":\"坑\"}", NULL);
    check("text=a=b", "{\"text\":\"a=b\"}", NULL);
    check("text", "{}", NULL);
    check("text=&real=", "{}", NULL);
    check("te%78t=1", "{\"text\":\"1\"}", NULL);
    check("real=41.5&whole=-3&flag=true", "{\"flag\":true,\"real\":41.5,\"whole\":-3}", NULL);
    check("flag=false", "{\"flag\":false}", NULL);
    /* What does not fit stays a text, for the validator to refuse. */
    check("real=x&whole=1e&flag=yes", "{\"flag\":\"yes\",\"real\":\"x\",\"whole\":\"1e\"}", NULL);
    check("real=NaN&whole=%2B1", "{\"real\":\"NaN\",\"whole\":\"+1\"}", NULL);
    check("real=[1]", "{\"real\":\"[1]\"}", NULL);
    check("text=true", "{\"text\":\"true\"}", NULL);
}

static void test_lists_and_members(void **state)
{
    (void)state;
    check("texts=a&texts=b&texts[]=c", "{\"texts\":[\"a\",\"b\",\"c\"]}", NULL);
    check("attribute[a]=1&attribute[b][]=x&attribute[b][]=y", "{\"attribute\":{\"a\":\"1\",\"b\":[\"x\",\"y\"]}}",
          NULL);
    check("attribute%5Ba%5D=1", "{\"attribute\":{\"a\":\"1\"}}", NULL);
    check("attribute=1&attribute[]=1&attribute[a=1&attribute[a]b=1&attribute[[a]]=1&attribute[a][b]=1&attribute[", "{}",
          NULL);
    check("text[]=1&text[a]=1&[]=1&[=1&]=1&=1", "{}", NULL);
}

static void test_twice(void **state)
{
    (void)state;
    check("text=a&text=b", "{\"text\":\"a\"}", "/text");
    check("text=a&text=", "{\"text\":\"a\"}", NULL);
    check("attribute[a]=1&attribute[a]=2", "{\"attribute\":{\"a\":\"1\"}}", "/attribute/a");
    check("attribute[a]=1&attribute[a][]=2", "{\"attribute\":{\"a\":\"1\"}}", "/attribute/a");
    check("unknown=1&unknown=2", "{}", NULL);
}

static void test_no_form(void **state)
{
    static char many[4 * (MAX_FORM_FIELDS + 1) + 1];
    static char name[MAX_FORM_NAME + 20];

    (void)state;
    check("text=%", "-74", NULL);
    check("text=%4", "-74", NULL);
    check("text=%zz", "-74", NULL);
    check("text=%00", "-74", NULL);
    check("text=%ff", "-74", NULL);
    check("t%ffxt=a", "-74", NULL);
    check("text=\xc3", "-74", NULL);
    for (int i = 0; i <= MAX_FORM_FIELDS; i++)
        memcpy(many + 4L * i, "a=b&", 5);
    check(many, "-7", NULL);
    many[4L * MAX_FORM_FIELDS] = '\0';
    check(many, "{}", NULL);
    memset(name, 'a', MAX_FORM_NAME + 1);
    memcpy(name + MAX_FORM_NAME + 1, "=1", 3);
    check(name, "{}", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_lists_and_members),
        cmocka_unit_test(test_twice),
        cmocka_unit_test(test_no_form),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
