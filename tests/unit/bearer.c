/* bearer.c — a verifier with three keys of its own, and what a test asks of it. */
#include "bearer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char *const roles[] = {"citizen", "dispatcher", "grid_worker"};

struct bearer bearer;

void bearer_open(void)
{
    char *text = NULL;

    bearer.auth = auth_free(bearer.auth);
    if (auth_new(&bearer.settings, &bearer.auth, &text))
        fail_msg("%s", text);
}

int bearer_start(void **state)
{
    (void)state;
    forge_open(&bearer.forge);
    forge_write_keys(&bearer.forge);
    bearer.settings = (struct auth_settings){
        .key_directory = bearer.forge.folder,
        .issuer = "https://id.example",
        .audience = "whistled",
        .leeway_s = 30,
        .roles = roles,
        .n_roles = 3,
    };
    bearer_open();
    return 0;
}

int bearer_stop(void **state)
{
    (void)state;
    bearer.auth = auth_free(bearer.auth);
    forge_close(&bearer.forge);
    return 0;
}

int bearer_again(void **state)
{
    bearer_stop(state);
    return bearer_start(state);
}

const struct actor *bearer_check(const char *token, int64_t now, const char **ret_reason)
{
    char *header = forge_format("Bearer %s", token);
    const struct actor *actor = NULL;
    int r = auth_check(bearer.auth, header, now, &actor, ret_reason);

    assert_true(r == 0 || r == -EACCES);
    assert_true((r == 0) == (actor != NULL));
    free(header);
    return actor;
}

const struct actor *bearer_takes(char *token)
{
    const char *reason = NULL;
    const struct actor *actor = bearer_check(token, NOW, &reason);

    if (!actor)
        fail_msg("%s: %s", token, reason);
    free(token);
    return actor;
}

void bearer_refuses_at(char *token, int64_t now, const char *wanted)
{
    const char *reason = NULL;

    if (bearer_check(token, now, &reason))
        fail_msg("taken: %s", token);
    if (!strstr(reason, wanted))
        fail_msg("%s: \"%s\" does not say \"%s\"", token, reason, wanted);
    /* It goes into a header, in quotes. */
    assert_null(strpbrk(reason, "\"\\\r\n"));
    free(token);
}

void bearer_refuses(char *token, const char *wanted)
{
    bearer_refuses_at(token, NOW, wanted);
}

char *bearer_hs(const char *header, const char *payload)
{
    return forge_hs256(header, payload, forge_secret, SECRET);
}
