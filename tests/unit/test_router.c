/* test_router.c — method and path to operation: literals before parameters, HEAD as GET, Allow. */
#include "unit.h"

#include "arena.h"
#include "guard.h"
#include "router.h"

static const struct operation operations[] = {
    {.id = "cases.list", .method = "GET", .path = "/v1/cases"},
    {.id = "cases.create", .method = "POST", .path = "/v1/cases"},
    {.id = "cases.search", .method = "GET", .path = "/v1/cases/search"},
    {.id = "cases.get", .method = "GET", .path = "/v1/cases/{case_id}"},
    {.id = "cases.accept", .method = "POST", .path = "/v1/cases/{case_id}/accept"},
    {.id = "cases.ticket", .method = "GET", .path = "/v1/cases/{case_id}/tickets/{ticket_id}"},
    {.id = "livez", .method = "GET", .path = "/livez"},
    {.id = "services.list", .method = "GET", .path = "/v2/services.{format}"},
    {.id = "services.get", .method = "GET", .path = "/v2/services/{code}.{format}"},
};

struct fixture {
    struct arena *arena;
    struct router *router;
};

struct found {
    enum route route;
    const struct operation *operation;
    const char *allow;
    const char *values[MAX_PATH_VALUES];
};

static struct found find(const struct fixture *fixture, const char *method, const char *path)
{
    struct found found = {.operation = NULL};
    struct target target;

    assert_null(guard_target(fixture->arena, path, &target));
    found.route = router_find(fixture->router, fixture->arena, method, target.segments, target.n_segments,
                              &found.operation, &found.allow, found.values);
    return found;
}

static int setup(void **state)
{
    static struct fixture fixture;

    fixture = (struct fixture){
        .arena = arena_new(1 << 20),
        .router = router_new(operations, sizeof operations / sizeof *operations),
    };
    *state = &fixture;
    return fixture.arena && fixture.router ? 0 : -1;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;

    arena_free(fixture->arena);
    router_free(fixture->router);
    return 0;
}

static void expect(void **state, const char *method, const char *path, const char *id)
{
    struct found found = find(*state, method, path);

    assert_int_equal(found.route, ROUTE_FOUND);
    assert_string_equal(found.operation->id, id);
}

static void test_found(void **state)
{
    expect(state, "GET", "/v1/cases", "cases.list");
    expect(state, "POST", "/v1/cases", "cases.create");
    expect(state, "GET", "/v1/cases/search", "cases.search");
    expect(state, "GET", "/v1/cases/42", "cases.get");
    expect(state, "HEAD", "/v1/cases/42", "cases.get");
    expect(state, "POST", "/v1/cases/search/accept", "cases.accept");
    expect(state, "GET", "/livez", "livez");
}

static void test_values_in_path_order(void **state)
{
    struct found found = find(*state, "GET", "/v1/cases/a%2Fb/tickets/t-1");

    assert_string_equal(found.operation->id, "cases.ticket");
    assert_string_equal(found.values[0], "a/b");
    assert_string_equal(found.values[1], "t-1");
}

static void test_suffix(void **state)
{
    struct found found = find(*state, "GET", "/v2/services.xml");

    assert_string_equal(found.operation->id, "services.list");
    assert_string_equal(found.values[0], "xml");
    found = find(*state, "HEAD", "/v2/services/a.b.json");
    assert_string_equal(found.operation->id, "services.get");
    assert_string_equal(found.values[0], "a.b");
    assert_string_equal(found.values[1], "json");
    assert_string_equal(find(*state, "PUT", "/v2/services.json").allow, "GET, HEAD, OPTIONS");
    /* A dot elsewhere is a letter like others. */
    assert_string_equal(find(*state, "GET", "/v1/cases/1.json").operation->id, "cases.get");
}

static void test_no_such_path(void **state)
{
    static const char *const paths[] = {"/",
                                        "/v1",
                                        "/v1/",
                                        "/v1/cases/",
                                        "/v1/cases/1/",
                                        "/V1/cases",
                                        "/v1/cases/1/x",
                                        "/livez/x",
                                        "/v1/casesx",
                                        "/livez%2f",
                                        "/v2/services",
                                        "/v2/services.",
                                        "/v2/.json",
                                        "/v2/services/.json",
                                        "/v2/services/a",
                                        "/v2/services/a.",
                                        "/livez.json"};

    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        assert_int_equal(find(*state, "GET", paths[i]).route, ROUTE_NO_PATH);
}

static void test_allow(void **state)
{
    struct found found = find(*state, "DELETE", "/v1/cases");

    assert_int_equal(found.route, ROUTE_NO_METHOD);
    assert_string_equal(found.allow, "GET, POST, HEAD, OPTIONS");
    assert_string_equal(find(*state, "GET", "/v1/cases/1/accept").allow, "POST, OPTIONS");
    /* Methods are case-sensitive. */
    assert_int_equal(find(*state, "get", "/livez").route, ROUTE_NO_METHOD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_found, setup, teardown),
        cmocka_unit_test_setup_teardown(test_values_in_path_order, setup, teardown),
        cmocka_unit_test_setup_teardown(test_suffix, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_such_path, setup, teardown),
        cmocka_unit_test_setup_teardown(test_allow, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
