/* token_inspect.c — what a token says, and what the service would say to it, check by check. */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "auth.h"
#include "examine.h"
#include "text.h"
#include "token.h"
#include "worker.h"

enum { INPUT_SIZE = 4 * MAX_TOKEN_BYTES };

#define MAX_SHOWN_TIME 253402300799 /* the year 9999 */

static bool is_time_claim(const char *name)
{
    return !strcmp(name, "exp") || !strcmp(name, "nbf") || !strcmp(name, "iat");
}

/* "  = 2024-11-23T08:20:00Z, 2 h 5 min ago" */
static void print_time(json_int_t at)
{
    time_t seconds = (time_t)at;
    int64_t away, minutes;
    struct tm parts;
    char text[32];

    if (at < 0 || at > MAX_SHOWN_TIME || !gmtime_r(&seconds, &parts) ||
        !strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts))
        return;
    away = (int64_t)at - (int64_t)time(NULL);
    minutes = (away < 0 ? -away : away) / 60;
    printf("  = %s, %s%" PRId64 " h %" PRId64 " min%s", text, away < 0 ? "" : "in ", minutes / 60, minutes % 60,
           away < 0 ? " ago" : "");
}

/* Escaped to ASCII: what a stranger wrote must not steer the terminal. */
static void print_member(const char *name, const json_t *value)
{
    json_t *label = json_string(name);
    char *key = json_dumps(label, JSON_ENCODE_ANY | JSON_ENSURE_ASCII);
    char *dump = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_ENSURE_ASCII);

    printf("  %-12s %s", key ? key : "", dump ? dump : "");
    if (json_is_integer(value) && is_time_claim(name))
        print_time(json_integer_value(value));
    putchar('\n');
    free(dump);
    free(key);
    json_decref(label);
}

/* A part of the token as it stands; of duplicate names the last. */
static void print_part(const char *title, const char *text, size_t size)
{
    unsigned char *bytes = malloc(size + 1);
    long length = bytes ? text_base64url_decode(text, size, bytes) : -1;
    json_t *object = length < 0 ? NULL : json_loadb((const char *)bytes, (size_t)length, 0, NULL);
    void *member = json_object_iter(object);

    puts(title);
    if (!json_is_object(object))
        puts("  cannot be read");
    for (; member; member = json_object_iter_next(object, member))
        print_member(json_object_iter_key(member), json_object_iter_value(member));
    json_decref(object);
    free(bytes);
}

static void print_parts(const char *token)
{
    size_t header = strcspn(token, ".");
    size_t payload = token[header] ? strcspn(token + header + 1, ".") : 0;

    if (!token[header] || strlen(token) > MAX_TOKEN_BYTES)
        return;
    print_part("header", token, header);
    print_part("claims", token + header + 1, payload);
}

static void print_check(void *context, const char *check, const char *fault)
{
    (void)context;
    printf("  %-12s %s%s\n", check, fault ? "REFUSED: " : "ok", fault ? fault : "");
}

static int inspect(const char *token, const struct config *config)
{
    const struct auth_settings settings = worker_auth_settings(config);
    struct auth *auth = NULL;
    char *text = NULL;
    int r;

    if (auth_new(&settings, &auth, &text)) {
        fprintf(stderr, "whistled token inspect: %s\n", text ? text : "memory is out.");
        free(text);
        return 1;
    }
    print_parts(token);
    puts("checks");
    r = auth_explain(auth, token, time(NULL), print_check, NULL);
    puts(r == 0         ? "The service would take this token; what it may do the database decides."
         : r == -ENOMEM ? "Memory is out."
                        : "The service would refuse this token.");
    auth_free(auth);
    return r ? 1 : 0;
}

/* One token, with blanks and line ends around it. */
static int inspect_input(const struct config *config)
{
    char text[INPUT_SIZE];
    size_t size = fread(text, 1, sizeof text - 1, stdin);
    const char *start = text;

    text[size] = '\0';
    start += strspn(start, " \t\r\n");
    text[(size_t)(start - text) + strcspn(start, " \t\r\n")] = '\0';
    return inspect(start, config);
}

int token_inspect(int argc, char **argv, const struct config *config)
{
    if (argc != 1) {
        fputs("whistled token inspect: one token, or - to read it from standard input.\n", stderr);
        return 2;
    }
    return strcmp(argv[0], "-") != 0 ? inspect(argv[0], config) : inspect_input(config);
}
