/* test_config.c — defaults, environment, flags, and what is refused; passwords stay inside. */
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "listen.h"

enum { MAX_ARGUMENTS = 16 };

static int load(struct config *ret_config, int *ret_argc, char **ret_argv, const char *const *arguments)
{
    static char *argv[MAX_ARGUMENTS];
    char *text = NULL;
    int argc = 0, r;

    argv[argc++] = (char *)(uintptr_t) "whistled";
    for (; *arguments; arguments++)
        argv[argc++] = (char *)(uintptr_t)*arguments;
    argv[argc] = NULL;
    r = config_load(&argc, argv, ret_config, &text);
    if (!r)
        r = config_check(ret_config, &text);
    if (r)
        assert_non_null(text);
    free(text);
    *ret_argc = argc;
    *ret_argv = argc > 1 ? argv[1] : NULL;
    return r;
}

static int load_flags(struct config *ret_config, const char *first, const char *second)
{
    const char *const arguments[] = {first, second, NULL};
    char *rest;
    int argc;

    return load(ret_config, &argc, &rest, arguments);
}

static void test_defaults(void **state)
{
    struct config config;

    (void)state;
    assert_int_equal(load_flags(&config, NULL, NULL), 0);
    assert_string_equal(config.listen, "127.0.0.1:8080");
    assert_string_equal(config.zone, "Asia/Shanghai");
    assert_true(config.workers >= 1);
    assert_int_equal(config.request_timeout_ms, 5000);
    assert_false(config.test_clock);
}

static void test_flags_beat_environment(void **state)
{
    struct config config;

    (void)state;
    setenv("WHISTLED_WORKERS", "3", 1);
    setenv("WHISTLED_ZONE", "UTC", 1);
    setenv("DATABASE_URL", "postgresql://owner@/x", 1);
    assert_int_equal(load_flags(&config, "--workers=5", NULL), 0);
    assert_int_equal(config.workers, 5);
    assert_string_equal(config.zone, "UTC");
    assert_string_equal(config.migrate_url, "postgresql://owner@/x");
    assert_int_equal(load_flags(&config, "--database-url", "postgresql:///y"), 0);
    assert_string_equal(config.database_url, "postgresql:///y");
    assert_int_equal(config.workers, 3);
    unsetenv("WHISTLED_WORKERS");
    unsetenv("WHISTLED_ZONE");
    unsetenv("DATABASE_URL");
}

static void test_foreign_arguments_stay(void **state)
{
    const char *const arguments[] = {"token", "--leeway_s", "5", "mint", "--kid", "demo", NULL};
    struct config config;
    char *rest;
    int argc;

    (void)state;
    assert_int_equal(load(&config, &argc, &rest, arguments), 0);
    assert_int_equal(argc, 5);
    assert_string_equal(rest, "token");
    assert_int_equal(config.leeway_s, 5);
}

static void test_refused(void **state)
{
    static const char *const bad[][2] = {
        {"--workers", "many"},      {"--workers", "-1"},     {"--workers", "1x"},
        {"--workers", "1000"},      {"--group-limit", "0"},  {"--test-clock=perhaps", NULL},
        {"--zone", NULL},           {"--listen", "8080"},    {"--listen", "example:80"},
        {"--listen", "127.0.0.1:"}, {"--log-level", "loud"}, {"--metrics-listen", "x"},
    };
    struct config config;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_not_equal(load_flags(&config, bad[i][0], bad[i][1]), 0);
}

static void test_clock_needs_loopback(void **state)
{
    struct config config;

    (void)state;
    assert_int_equal(load_flags(&config, "--test-clock", NULL), 0);
    assert_true(config.test_clock);
    assert_int_equal(load_flags(&config, "--test-clock", "--listen=[::1]:80"), 0);
    assert_int_not_equal(load_flags(&config, "--test-clock", "--listen=0.0.0.0:80"), 0);
    assert_int_not_equal(load_flags(&config, "--test-clock", "--listen=*:80"), 0);
}

static void print(const char *url, char *ret_text, size_t size)
{
    struct config config;
    FILE *out = fmemopen(ret_text, size, "w");

    assert_non_null(out);
    assert_int_equal(load_flags(&config, "--database-url", url), 0);
    config_print(&config, out);
    fclose(out);
}

static void test_passwords_are_masked(void **state)
{
    static const char *const urls[] = {"postgresql://u:s3cret@h/d",
                                       "host=h password=s3cret dbname=d",
                                       "postgresql://h/d?user=u&password=s3cret",
                                       "postgresql://u:p:s3cret@h/d",
                                       "host=h password = 's3cret x' dbname=d",
                                       "postgresql://u:a%40s3cret@h/d"};
    char text[8192];

    (void)state;
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
        print(urls[i], text, sizeof text);
        assert_null(strstr(text, "s3cret"));
        assert_non_null(strstr(text, "******"));
    }
    print("postgresql://u@h/plain", text, sizeof text);
    assert_non_null(strstr(text, "dbname=plain "));
    assert_null(strstr(text, "******"));
}

static void test_webhooks(void **state)
{
    struct config config;

    (void)state;
    assert_int_equal(load_flags(&config, NULL, NULL), 0);
    assert_string_equal(config.webhook_allow, "");
    assert_string_equal(config.webhook_ports, "443,8443");
    assert_int_equal(load_flags(&config, "--webhook-allow", "10.0.0.0/8,fd00::/8"), 0);
    assert_int_equal(load_flags(&config, "--webhook-ports", "443,8000-8999"), 0);
    assert_int_equal(load_flags(&config, "--webhook-allow", "intranet"), -EINVAL);
    assert_int_equal(load_flags(&config, "--webhook-ports", ""), -EINVAL);
    assert_int_equal(load_flags(&config, "--webhook-ports", "https"), -EINVAL);
    assert_int_equal(load_flags(&config, "--webhook-parallel", "0"), 0);
    assert_int_equal(load_flags(&config, "--webhook-timeout-ms", "1"), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_webhooks),
        cmocka_unit_test(test_flags_beat_environment),
        cmocka_unit_test(test_foreign_arguments_stay),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_clock_needs_loopback),
        cmocka_unit_test(test_passwords_are_masked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
