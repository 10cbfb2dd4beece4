/* test_claims.c — what a well-signed token may say. */
#include "bearer.h"

#include <stdlib.h>
#include <string.h>

static void with_claims(const char *claims, const char *wanted)
{
    char *payload = forge_format("{%s}", claims);

    if (wanted)
        bearer_refuses(bearer_hs(HS, payload), wanted);
    else
        bearer_takes(bearer_hs(HS, payload));
    free(payload);
}

static void test_times(void **state)
{
    static const char *const no_times[] = {
        "\"1732352400\"", "true",         "null",  "-1",           "-1732352400",
        "[1732352400]",   "{}",           "1e300", "253402300800", "9223372036854775807",
        "-1.5",           "1732352400000"};

    (void)state;
    with_claims(WHO, "never expires");
    for (size_t i = 0; i < sizeof no_times / sizeof no_times[0]; i++) {
        char *exp = forge_format(WHO ",\"exp\":%s", no_times[i]);
        char *nbf = forge_format(WHO ",\"exp\":1732352400,\"nbf\":%s", no_times[i]);
        char *iat = forge_format(WHO ",\"exp\":1732352400,\"iat\":%s", no_times[i]);

        with_claims(exp, "expiry is no time");
        with_claims(nbf, "beginning is no time");
        with_claims(iat, "issue is no time");
        free(exp);
        free(nbf);
        free(iat);
    }
    with_claims(WHO ",\"exp\":0", "has expired");
    with_claims(WHO ",\"exp\":1732348770", "has expired"); /* now - leeway */
    with_claims(WHO ",\"exp\":1732348771", NULL);
    with_claims(WHO ",\"exp\":1732352400.75", NULL);
    with_claims(WHO ",\"exp\":1.7323524e9", NULL);
    with_claims(WHO ",\"exp\":253402300799", NULL);
    with_claims(WHO ",\"exp\":1732352400,\"nbf\":1732348831", "not valid yet");
    with_claims(WHO ",\"exp\":1732352400,\"nbf\":1732348830", NULL);
    with_claims(WHO ",\"exp\":1732352400,\"iat\":1732348831", "in the future");
    with_claims(WHO ",\"exp\":1732352400,\"iat\":1732348830", NULL);
}

static void test_issuer_and_audience(void **state)
{
    static const char rest[] = ",\"sub\":\"s\",\"tenant\":\"t\",\"exp\":1732352400";
    static const struct {
        const char *claims, *wanted;
    } rows[] = {
        {"\"aud\":\"whistled\"", "another issuer"},
        {"\"iss\":\"https://id.example/\",\"aud\":\"whistled\"", "another issuer"},
        {"\"iss\":[\"https://id.example\"],\"aud\":\"whistled\"", "another issuer"},
        {"\"iss\":\"https://id.example\"", "another audience"},
        {"\"iss\":\"https://id.example\",\"aud\":\"whistle\"", "another audience"},
        {"\"iss\":\"https://id.example\",\"aud\":\"Whistled\"", "another audience"},
        {"\"iss\":\"https://id.example\",\"aud\":[]", "another audience"},
        {"\"iss\":\"https://id.example\",\"aud\":{\"whistled\":1}", "another audience"},
        {"\"iss\":\"https://id.example\",\"aud\":[\"a\",\"b\"]", "another audience"},
        {"\"iss\":\"https://id.example\",\"aud\":[\"whistled\",7]", "neither text nor a list"},
        {"\"iss\":\"https://id.example\",\"aud\":[[\"whistled\"]]", "neither text nor a list"},
        {"\"iss\":\"https://id.example\",\"aud\":[\"a\",\"whistled\"]", NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char *claims = forge_format("%s%s", rows[i].claims, rest);

        with_claims(claims, rows[i].wanted);
        free(claims);
    }
    bearer.settings.issuer = "";
    bearer.settings.audience = NULL;
    bearer_open();
    with_claims("\"sub\":\"s\",\"tenant\":\"t\",\"exp\":1732352400", NULL);
}

static void test_subject_and_tenant(void **state)
{
    static const char *const bad[] = {
        "\"\"", "7", "null", "[\"s\"]", "\"a\\nb\"", "\"a\\u007f\"", "\"a\\u0085b\"", "\"\\u001b[2J\""};
    char *name = malloc(300), *claims;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        claims = forge_format(COMMON ",\"tenant\":\"t\",\"exp\":1732352400,\"sub\":%s", bad[i]);
        with_claims(claims, "subject");
        free(claims);
        claims = forge_format(COMMON ",\"sub\":\"s\",\"exp\":1732352400,\"tenant\":%s", bad[i]);
        with_claims(claims, "the tenant");
        free(claims);
    }
    with_claims(COMMON ",\"tenant\":\"t\",\"exp\":1732352400", "no subject");
    with_claims(COMMON ",\"sub\":\"s\",\"exp\":1732352400", "the tenant");
    memset(name, 's', 256);
    name[256] = '\0';
    claims = forge_format(COMMON ",\"tenant\":\"t\",\"exp\":1732352400,\"sub\":\"%s\"", name);
    with_claims(claims, "the subject");
    free(claims);
    claims = forge_format(COMMON ",\"tenant\":\"t\",\"exp\":1732352400,\"sub\":\"%s\"", name + 1);
    with_claims(claims, NULL);
    free(claims);
    free(name);
    with_claims(COMMON ",\"tenant\":\"茂山\",\"exp\":1732352400,\"sub\":\"张三\"", NULL);
    with_claims(WHO ",\"exp\":1732352400,\"jti\":7", "token id");
    with_claims(WHO ",\"exp\":1732352400,\"jti\":\"a\"", NULL);
}

static const struct actor *with_roles(const char *claims)
{
    char *payload = forge_format("{" COMMON ",\"sub\":\"s\",\"tenant\":\"t\",\"exp\":1732352400%s}", claims);
    const struct actor *actor = bearer_takes(bearer_hs(HS, payload));

    free(payload);
    return actor;
}

static void test_roles_and_narrowing(void **state)
{
    const struct actor *actor = with_roles("");

    (void)state;
    assert_int_equal(actor->roles, 0);
    assert_string_equal(actor->roles_literal, "{}");
    actor = with_roles(",\"roles\":[\"dispatcher\",\"offline_access\",\"citizen\",\"citizen\"]");
    assert_int_equal(actor->roles, 3);
    assert_string_equal(actor->roles_literal, "{\"citizen\",\"dispatcher\"}");
    assert_int_equal(with_roles(",\"roles\":\" grid_worker  dispatcher \"")->roles, 6);
    assert_int_equal(with_roles(",\"roles\":[\"dispatcher citizen\"]")->roles, 0);
    assert_int_equal(with_roles(",\"roles\":[\"Dispatcher\"]")->roles, 0);
    assert_int_equal(with_roles(",\"roles\":null")->roles, 0);
    with_claims(WHO ",\"exp\":1732352400,\"org\":7", "the organisation");
    with_claims(WHO ",\"exp\":1732352400,\"areas\":[7]", "the areas");
    with_claims(WHO ",\"exp\":1732352400,\"areas\":{}", "the areas");
    with_claims(COMMON ",\"sub\":\"s\",\"tenant\":\"t\",\"exp\":1732352400,\"roles\":[[\"leader\"]]", "the roles");
    with_claims(COMMON ",\"sub\":\"s\",\"tenant\":\"t\",\"exp\":1732352400,\"roles\":true", "the roles");
    actor = with_roles(",\"org\":\"water\",\"areas\":[\"XF\",\"a\\\"b\\\\,{c}\"]");
    assert_string_equal(actor->org, "water");
    assert_string_equal(actor->areas_literal, "{\"XF\",\"a\\\"b\\\\,{c}\"}");
    /* Narrowed to nothing is not the same as not narrowed. */
    assert_string_equal(with_roles(",\"areas\":[]")->areas_literal, "{}");
    assert_null(with_roles(",\"areas\":null")->areas_literal);
}

static void test_claim_names(void **state)
{
    const struct actor *actor;

    (void)state;
    bearer.settings.claim_roles = "realm_access.roles";
    bearer.settings.claim_tenant = "https://street.example/tenant";
    bearer.settings.claim_org = "a.b.c";
    bearer_open();
    actor = bearer_takes(bearer_hs(
        HS, "{" COMMON ",\"sub\":\"s\",\"exp\":1732352400,\"https://street.example/tenant\":\"maoshan\","
            "\"roles\":[\"citizen\"],\"realm_access\":{\"roles\":[\"dispatcher\"]},\"a\":{\"b\":{\"c\":\"o\"}}}"));
    assert_int_equal(actor->roles, 2);
    assert_string_equal(actor->tenant, "maoshan");
    assert_string_equal(actor->org, "o");
    actor = bearer_takes(bearer_hs(HS, "{" COMMON
                                       ",\"sub\":\"s\",\"exp\":1732352400,\"https://street.example/tenant\":\"t\","
                                       "\"realm_access\":[\"dispatcher\"],\"a\":\"o\"}"));
    assert_int_equal(actor->roles, 0);
    assert_null(actor->org);
}

#define CASE(test) cmocka_unit_test_setup(test, bearer_again)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_times),
        CASE(test_issuer_and_audience),
        CASE(test_subject_and_tenant),
        CASE(test_roles_and_narrowing),
        CASE(test_claim_names),
    };

    return cmocka_run_group_tests(tests, bearer_start, bearer_stop);
}
