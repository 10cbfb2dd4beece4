/* test_webhook_signature.c — signatures that others have computed, and secrets that are none. */
#include "unit.h"

#include <errno.h>
#include <string.h>

#include "webhook_signature.h"

/* Computed with `openssl dgst -sha256 -mac HMAC`; the keys are 32 bytes of 0x01 and of 0x02. */
#define ONE "whsec_AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="
#define SIGNED_ONE "ApfEF1VG34HY1I0O2T7+Hr/iZ+88zLwl3/YI+SQaWuo="
#define TWO "whsec_AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI="
#define SIGNED_TWO "Wf3ETq72HEIlwNTgw1R7O2XC4uNGib4xZpoJvQsC0sM="

static void test_known(void **state)
{
    static const char body[] = "{\"type\":\"ticket.issued\"}";
    char text[WEBHOOK_SIGNATURE_SIZE];

    (void)state;
    assert_int_equal(webhook_sign(ONE, "0193471e-7abb-7686-91cc-43ee00a39ec9", 1732064400, body, strlen(body), text),
                     0);
    assert_string_equal(text, "v1," SIGNED_ONE);
    assert_int_equal(
        webhook_sign(TWO " " ONE, "0193471e-7abb-7686-91cc-43ee00a39ec9", 1732064400, body, strlen(body), text), 0);
    assert_string_equal(text, "v1," SIGNED_TWO " v1," SIGNED_ONE);
}

static void test_no_more_than_there_is_room_for(void **state)
{
    char text[WEBHOOK_SIGNATURE_SIZE];

    (void)state;
    assert_int_equal(webhook_sign(ONE " " ONE " " ONE " " ONE " " ONE " " ONE, "id", 1, "", 0, text), 0);
    assert_int_equal(strlen(text), WEBHOOK_SECRETS * 48 - 1);
}

static void test_secrets_that_are_none(void **state)
{
    static const char *const bad[] = {
        "",
        "whsec_",
        "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=",
        "whsec_AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQ==",
        "whsec_AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB",
        "whsec_AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBA E=",
        "whsec_*QEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=",
        ONE " whsec_",
        "whsec_AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=",
    };
    char text[WEBHOOK_SIGNATURE_SIZE];

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (webhook_sign(bad[i], "id", 1, "x", 1, text) != -EINVAL)
            fail_msg("\"%s\" signs", bad[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known),
        cmocka_unit_test(test_no_more_than_there_is_room_for),
        cmocka_unit_test(test_secrets_that_are_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
