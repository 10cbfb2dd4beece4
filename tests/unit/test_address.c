/* test_address.c — which addresses, networks, ports and URLs somebody from outside may have us call. */
#include "unit.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <string.h>
#include <sys/un.h>

#include "address.h"
#include "webhook_url.h"

static struct address_rules rules_of(const char *networks, const char *ports)
{
    struct address_rules rules;

    assert_int_equal(address_parse_networks(networks, &rules), 0);
    assert_int_equal(address_parse_ports(ports, &rules), 0);
    return rules;
}

/* By text and as a socket's address: both ways must agree. */
static enum address_kind kind_of(const struct address_rules *rules, const char *text)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    int kind = address_kind_of_text(rules, text);

    assert_true(kind >= 0);
    if (inet_pton(AF_INET, text, &v4.sin_addr) == 1)
        assert_int_equal(address_kind_of(rules, (struct sockaddr *)&v4), kind);
    else if (inet_pton(AF_INET6, text, &v6.sin6_addr) == 1)
        assert_int_equal(address_kind_of(rules, (struct sockaddr *)&v6), kind);
    return (enum address_kind)kind;
}

static void test_what_is_public(void **state)
{
    static const char *const forbidden[] = {
        "0.0.0.0",
        "0.255.255.255",
        "10.0.0.0",
        "10.255.255.255",
        "100.64.0.0",
        "100.127.255.255",
        "127.0.0.1",
        "127.255.0.1",
        "169.254.0.1",
        "169.254.169.254",
        "172.16.0.0",
        "172.31.255.255",
        "192.0.0.1",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.0.0",
        "192.168.255.255",
        "198.18.0.1",
        "198.19.255.255",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::ffff:10.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "::10.0.0.1",
        "64:ff9b::1",
        "64:ff9b:1::1",
        "100::1",
        "fc00::1",
        "fdff:ffff::1",
        "fe80::1",
        "febf::1",
        "fec0::1",
        "ff02::1",
        "2001::1",
        "2001:db8::1",
        "2002:a00:1::1",
        "2001:2::1",
        "2001:1ff:ff::1",
        "3fff::1",
        "5f00::1",
        "4000::1",
    };
    static const char *const public[] = {
        "1.1.1.1",     "8.8.8.8",    "9.255.255.255", "11.0.0.0",    "100.63.255.255", "100.128.0.0",
        "126.255.0.1", "128.0.0.1",  "169.253.0.1",   "172.15.0.1",  "172.32.0.0",     "192.167.0.1",
        "192.0.1.1",   "198.17.0.1", "198.20.0.1",    "223.255.0.1", "::ffff:8.8.8.8", "2606:4700:4700::1111",
        "2001:200::1", "2003::1",    "2400:3200::1",  "3ffe::1",
    };
    struct address_rules rules = rules_of("", "443");
    struct sockaddr_un local = {.sun_family = AF_UNIX, .sun_path = "/run/secret"};

    (void)state;
    for (size_t i = 0; i < sizeof forbidden / sizeof *forbidden; i++)
        if (kind_of(&rules, forbidden[i]) != ADDRESS_FORBIDDEN)
            fail_msg("%s may be called", forbidden[i]);
    for (size_t i = 0; i < sizeof public / sizeof *public; i++)
        if (kind_of(&rules, public[i]) != ADDRESS_PUBLIC)
            fail_msg("%s may not be called", public[i]);
    assert_int_equal(address_kind_of(&rules, (struct sockaddr *)&local), ADDRESS_FORBIDDEN);
    assert_true(address_kind_of_text(&rules, "names.example") < 0);
    assert_true(address_kind_of_text(&rules, "127.1") <
                0); /* inet_pton knows no such forms; libcurl makes four parts */
}

static void test_what_the_operator_lists(void **state)
{
    struct address_rules rules = rules_of(" 10.1.0.0/16, 192.168.7.9 ,fd00:1::/32,::1,0.0.0.0/32", "443");

    (void)state;
    assert_int_equal(kind_of(&rules, "10.1.255.255"), ADDRESS_LISTED);
    assert_int_equal(kind_of(&rules, "::ffff:10.1.2.3"), ADDRESS_LISTED);
    assert_int_equal(kind_of(&rules, "10.2.0.0"), ADDRESS_FORBIDDEN);
    assert_int_equal(kind_of(&rules, "192.168.7.9"), ADDRESS_LISTED);
    assert_int_equal(kind_of(&rules, "192.168.7.8"), ADDRESS_FORBIDDEN);
    assert_int_equal(kind_of(&rules, "fd00:1:ffff::1"), ADDRESS_LISTED);
    assert_int_equal(kind_of(&rules, "fd00:2::1"), ADDRESS_FORBIDDEN);
    assert_int_equal(kind_of(&rules, "::1"), ADDRESS_LISTED);
    assert_int_equal(kind_of(&rules, "127.0.0.1"), ADDRESS_FORBIDDEN);
    assert_int_equal(kind_of(&rules, "8.8.8.8"), ADDRESS_PUBLIC);
    rules = rules_of("0.0.0.0/0", "443");
    assert_int_equal(kind_of(&rules, "169.254.169.254"), ADDRESS_LISTED);
    assert_int_equal(kind_of(&rules, "fe80::1"), ADDRESS_FORBIDDEN); /* all of IPv4 is not all */
    rules = rules_of("172.16.0.0/13", "443");
    assert_int_equal(kind_of(&rules, "172.23.255.255"), ADDRESS_LISTED);
    assert_int_equal(kind_of(&rules, "172.24.0.0"), ADDRESS_FORBIDDEN);
}

static void test_words_that_are_none(void **state)
{
    static const char *const networks[] = {"10.0.0.0/33", "10.0.0/8",       "10.0.0.0/",   "10.0.0.0/8x",
                                           "fd00::/129",  "names.example",  "10.0.0.0/-1", "10.0.0.0/8;::1",
                                           "/8",          "1.2.3.4 5.6.7.8"};
    static const char *const ports[] = {"", "0", "65536", ",", "443-", "9-1", "https", "-1", "443 8443", "4 4"};
    char many[MAX_NETWORKS * 16 + 32] = "";
    struct address_rules rules;
    size_t size = 0;

    (void)state;
    for (size_t i = 0; i < sizeof networks / sizeof *networks; i++)
        if (!address_parse_networks(networks[i], &rules))
            fail_msg("\"%s\" is taken for networks", networks[i]);
    for (size_t i = 0; i < sizeof ports / sizeof *ports; i++)
        if (!address_parse_ports(ports[i], &rules))
            fail_msg("\"%s\" is taken for ports", ports[i]);
    for (unsigned i = 0; i < MAX_NETWORKS; i++)
        size += (size_t)snprintf(many + size, sizeof many - size, "10.0.%u.0/24,", i);
    assert_int_equal(address_parse_networks(many, &rules), 0);
    assert_int_equal(rules.n_networks, MAX_NETWORKS);
    snprintf(many + size, sizeof many - size, "11.0.0.0/8");
    assert_true(address_parse_networks(many, &rules) < 0);
}

static void test_ports(void **state)
{
    struct address_rules rules = rules_of("", "443, 8000-8002,65535");

    (void)state;
    assert_true(address_port_allowed(&rules, 443));
    assert_true(address_port_allowed(&rules, 8000) && address_port_allowed(&rules, 8002));
    assert_true(address_port_allowed(&rules, 65535));
    assert_false(address_port_allowed(&rules, 7999) || address_port_allowed(&rules, 8003));
    assert_false(address_port_allowed(&rules, 0) || address_port_allowed(&rules, 80) ||
                 address_port_allowed(&rules, 65536 + 443));
}

static void test_urls(void **state)
{
    static const char *const good[] = {
        "https://hooks.example/a?b=c", "https://hooks.example:8443", "https://8.8.8.8/",
        "https://[2606:4700::1111]/",  "https://134744072/",         "https://0x08.8.8.8/"};
    static const char *const bad[] = {
        "http://hooks.example/",
        "https://hooks.example:80/",
        "https://user@hooks.example/",
        "https://:secret@hooks.example/",
        "https://hooks.example/#x",
        "ftp://hooks.example/",
        "file:///etc/passwd",
        "gopher://hooks.example:443/",
        "https://127.0.0.1/",
        "https://127.1/",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://0177.0.0.1/",
        "https://017700000001/",
        "https://127.0.1/",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[::ffff:7f00:1]/",
        "https://[fe80::1%25lo]/",
        "https://[0:0:0:0:0:0:0:1]/",
        "https://10.0.0.1/",
        "https://0/",
        "https://",
        "hooks.example",
        "",
        "//hooks.example/",
        "https://hooks.example:-443/",
        "https://hooks.example:443x/",
        "https://a b/",
        "https://169.254.169.254/",
        "https://0xa9.0xfe.0xa9.0xfe/",
    };
    struct address_rules rules = rules_of("", "443,8443");

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        if (!webhook_url_allowed(&rules, good[i]))
            fail_msg("%s is refused", good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (webhook_url_allowed(&rules, bad[i]))
            fail_msg("%s is allowed", bad[i]);
    rules = rules_of("10.0.0.0/8", "80,443");
    assert_true(webhook_url_allowed(&rules, "http://10.1.2.3/"));
    assert_true(webhook_url_allowed(&rules, "https://10.1.2.3/"));
    assert_true(webhook_url_allowed(&rules, "http://intranet/")); /* what it resolves to decides */
    assert_false(webhook_url_allowed(&rules, "http://8.8.8.8/"));
    assert_false(webhook_url_allowed(&rules, "https://192.168.0.1/"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_public),
        cmocka_unit_test(test_what_the_operator_lists),
        cmocka_unit_test(test_words_that_are_none),
        cmocka_unit_test(test_ports),
        cmocka_unit_test(test_urls),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
