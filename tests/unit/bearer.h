/* bearer.h — a verifier with three keys of its own, and what a test asks of it. */
#ifndef WHISTLED_TEST_BEARER_H
#define WHISTLED_TEST_BEARER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "auth.h"
#include "forge.h"

enum { NOW = 1732348800, SECRET = sizeof forge_secret - 1 };

#define HS "{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"hs\"}"
#define RS "{\"alg\":\"RS256\",\"typ\":\"JWT\",\"kid\":\"rsa\"}"
#define ES "{\"alg\":\"ES256\",\"typ\":\"JWT\",\"kid\":\"ec\"}"
#define COMMON "\"iss\":\"https://id.example\",\"aud\":\"whistled\""
#define WHO COMMON ",\"sub\":\"grid-1\",\"tenant\":\"maoshan\",\"roles\":[\"grid_worker\"]"
#define GOOD "{" WHO ",\"exp\":1732352400}"

struct bearer {
    struct forge forge;
    struct auth_settings settings;
    struct auth *auth;
};

extern struct bearer bearer;

/* Of the group, and of each test: settings and keys as in the beginning. */
int bearer_start(void **state);
int bearer_stop(void **state);
int bearer_again(void **state);
/* With the settings as they are now. */
void bearer_open(void);

const struct actor *bearer_check(const char *token, int64_t now, const char **ret_reason);
/* These three free the token. */
const struct actor *bearer_takes(char *token);
void bearer_refuses_at(char *token, int64_t now, const char *wanted);
void bearer_refuses(char *token, const char *wanted);
/* Signed with the secret of `hs`. */
char *bearer_hs(const char *header, const char *payload);

#endif
