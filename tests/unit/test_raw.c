/* test_raw.c — members and items are found where a parser would find them. */
#include "unit.h"

#include <string.h>

#include "raw.h"

static void expect(const char *found, size_t size, const char *wanted)
{
    if (!wanted) {
        assert_null(found);
        return;
    }
    assert_non_null(found);
    assert_int_equal(size, strlen(wanted));
    assert_memory_equal(found, wanted, size);
}

static void member(const char *object, const char *name, const char *wanted)
{
    size_t size = 0;
    const char *found = raw_member(object, name, &size);

    expect(found, size, wanted);
}

static void item(const char *array, size_t n, const char *wanted)
{
    size_t size = 0;
    const char *found = raw_item(array, n, &size);

    expect(found, size, wanted);
}

static void test_members(void **state)
{
    static const char object[] =
        "{ \"a\" : 1.50 ,\"ab\":{\"a\":[1,{\"b\":2}]} , \"b\":\"}\\\"]\", \"c\":null,\"d\":[ ]}";

    (void)state;
    member(object, "a", "1.50");
    member(object, "ab", "{\"a\":[1,{\"b\":2}]}");
    member(object, "b", "\"}\\\"]\"");
    member(object, "c", "null");
    member(object, "d", "[ ]");
    member(object, "e", NULL);
    member(object, "", NULL);
    member("{}", "a", NULL);
    member("{ }", "a", NULL);
    member("{\"\\u0061\":1}", "a", NULL); /* said in the header */
    member("{\"\":7}", "", "7");
}

static void test_items(void **state)
{
    static const char array[] = "[ {\"x\":[\"]\"]}, \"a,b\" ,-1e5,[[],[1]] ]";

    (void)state;
    item(array, 0, "{\"x\":[\"]\"]}");
    item(array, 1, "\"a,b\"");
    item(array, 2, "-1e5");
    item(array, 3, "[[],[1]]");
    item(array, 4, NULL);
    item("[]", 0, NULL);
    item("[\n]", 0, NULL);
}

/* What was not parsed before gives nonsense, but nothing is read behind its end. */
static void test_broken_texts_end(void **state)
{
    static const char *const broken[] = {
        "", "{", "[", "{\"", "{\"a", "{\"a\"", "{\"a\":", "{\"a\":[", "[1", "[\"", "[{", "[1,", "{\"a\\"};

    (void)state;
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        size_t size;

        (void)raw_member(broken[i], "a", &size);
        (void)raw_item(broken[i], 1, &size);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_members),
        cmocka_unit_test(test_items),
        cmocka_unit_test(test_broken_texts_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
