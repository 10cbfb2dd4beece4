/* test_conninfo.c — what our sessions add to the operator's database URL, and what they leave alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>

#include "conninfo.h"

/* The last value counts, as in libpq. */
static const char *value_of(const struct conninfo *info, const char *keyword)
{
    const char *value = NULL;

    for (unsigned i = 0; info->keywords[i] != NULL; i++)
        if (strcmp(info->keywords[i], keyword) == 0)
            value = info->values[i];
    return value;
}

static struct conninfo make(const char *url, unsigned rotation)
{
    const struct conninfo_settings settings = {
        .url = url,
        .search_path = "api_1, whistled",
        .zone = "Asia/Shanghai",
        .application_name = "whistled",
        .statement_timeout_ms = 4500,
        .rotation = rotation,
    };
    struct conninfo info;
    char *text = NULL;

    assert_int_equal(conninfo_make(&settings, &info, &text), 0);
    return info;
}

static void settings_of_the_session(void **state)
{
    struct conninfo info = make("postgresql://u@h/d", 0);
    const char *options = value_of(&info, "options");

    (void)state;
    assert_string_equal(value_of(&info, "host"), "h");
    assert_string_equal(value_of(&info, "application_name"), "whistled");
    assert_non_null(strstr(options, "-c search_path=api_1,\\ whistled "));
    assert_non_null(strstr(options, "-c TimeZone=Asia/Shanghai "));
    assert_non_null(strstr(options, "-c statement_timeout=4500 "));
    conninfo_clear(&info);
}

static void the_operators_words_win_but_for_ours(void **state)
{
    struct conninfo info = make("postgresql://u@h/d?application_name=x&options=-c%20work_mem%3D8MB&connect_timeout=2"
                                "&client_encoding=LATIN1&target_session_attrs=read-write",
                                0);

    (void)state;
    assert_string_equal(value_of(&info, "application_name"), "x");
    assert_string_equal(value_of(&info, "connect_timeout"), "2");
    assert_string_equal(value_of(&info, "client_encoding"), "UTF8");
    assert_string_equal(value_of(&info, "target_session_attrs"), "read-write");
    assert_ptr_equal(strstr(value_of(&info, "options"), "-c work_mem=8MB -c search_path="), value_of(&info, "options"));
    conninfo_clear(&info);
}

static void hosts_and_ports_turn_together(void **state)
{
    static const char *const hosts[] = {"a,b,c", "b,c,a", "c,a,b", "a,b,c"};
    static const char *const ports[] = {"1,2,3", "2,3,1", "3,1,2", "1,2,3"};

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        struct conninfo info = make("postgresql://a:1,b:2,c:3/d", i);

        assert_string_equal(value_of(&info, "host"), hosts[i]);
        assert_string_equal(value_of(&info, "port"), ports[i]);
        conninfo_clear(&info);
    }
}

static void one_port_for_all_hosts_stays(void **state)
{
    struct conninfo info = make("host=a,b port=5433", 1);

    (void)state;
    assert_string_equal(value_of(&info, "host"), "b,a");
    assert_string_equal(value_of(&info, "port"), "5433");
    conninfo_clear(&info);
}

static void what_is_no_url_is_refused_in_one_line(void **state)
{
    const struct conninfo_settings settings = {.url = "whatever is this", .search_path = "a", .zone = "UTC"};
    struct conninfo info;
    char *text = NULL;

    (void)state;
    assert_int_equal(conninfo_make(&settings, &info, &text), -EINVAL);
    assert_non_null(text);
    assert_null(strchr(text, '\n'));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(settings_of_the_session),
        cmocka_unit_test(the_operators_words_win_but_for_ours),
        cmocka_unit_test(hosts_and_ports_turn_together),
        cmocka_unit_test(one_port_for_all_hosts_stays),
        cmocka_unit_test(what_is_no_url_is_refused_in_one_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
