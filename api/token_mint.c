/* token_mint.c — a token for an operator: the claims, under their configured names, signed with a key of the folder. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "auth.h"
#include "contract.h"
#include "keys.h"
#include "token.h"
#include "token_claims.h"
#include "worker.h"

enum { MAX_REPEATS = 32, DEFAULT_TTL_S = 8 * 3600, MAX_TTL_S = 366 * 86400 };

struct order {
    const char *subject, *tenant, *organisation, *ttl, *kid;
    const char *roles[MAX_REPEATS], *areas[MAX_REPEATS];
    size_t n_roles, n_areas;
    int64_t ttl_s;
};

static int complain(const char *what, const char *about)
{
    fprintf(stderr, "whistled token mint: %s%s%s (--help says more).\n", about, *about ? " " : "", what);
    return 2;
}

/* A flag goes to its text, or to the next free place of its list. NULL: no such flag, or the list is full. */
static const char **place_of(struct order *order, const char *name, size_t size)
{
    const struct {
        const char *name;
        const char **places;
        size_t *n; /* NULL: may be given once */
    } flags[] = {
        {"--sub", &order->subject, NULL},
        {"--tenant", &order->tenant, NULL},
        {"--org", &order->organisation, NULL},
        {"--ttl", &order->ttl, NULL},
        {"--kid", &order->kid, NULL},
        {"--role", order->roles, &order->n_roles},
        {"--area", order->areas, &order->n_areas},
    };

    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        if (strlen(flags[i].name) != size || strncmp(flags[i].name, name, size) != 0)
            continue;
        if (!flags[i].n)
            return *flags[i].places ? NULL : flags[i].places;
        return *flags[i].n < MAX_REPEATS ? &flags[i].places[(*flags[i].n)++] : NULL;
    }
    return NULL;
}

static int read_flags(int argc, char **argv, struct order *ret_order)
{
    for (int i = 0; i < argc; i++) {
        size_t size = strcspn(argv[i], "=");
        const char *name = argv[i];
        const char **place = place_of(ret_order, name, size);

        if (!place)
            return complain("is not understood here, or is given too often", name);
        if (name[size])
            *place = name + size + 1;
        else if (i + 1 < argc)
            *place = argv[++i];
        else
            return complain("needs a value", name);
    }
    return 0;
}

/* 30m, 8h, 7d. -1 when it is none. */
static int64_t seconds_of(const char *text)
{
    static const char units[] = "smhd";
    static const int64_t sizes[] = {1, 60, 3600, 86400};
    char *end;
    long number = strtol(text, &end, 10);
    const char *unit = *end ? strchr(units, *end) : NULL;

    if (end == text || number < 1 || number > MAX_TTL_S || !unit || end[1])
        return -1;
    return number * sizes[unit - units];
}

static bool is_role(const char *name)
{
    for (size_t i = 0; i < contract.n_roles; i++)
        if (!strcmp(contract.roles[i], name))
            return true;
    return false;
}

static int check_order(struct order *order)
{
    if (!order->subject || !order->tenant || !order->n_roles)
        return complain("--sub, --tenant and at least one --role are needed", "");
    for (size_t i = 0; i < order->n_roles; i++)
        if (!is_role(order->roles[i]))
            return complain("is no role of this service", order->roles[i]);
    order->ttl_s = order->ttl ? seconds_of(order->ttl) : DEFAULT_TTL_S;
    if (order->ttl_s < 1 || order->ttl_s > MAX_TTL_S)
        return complain("is no time to live like 30m, 8h or 7d, up to 366d", order->ttl);
    return 0;
}

static json_t *claims_of(const struct order *order, const struct config *config)
{
    const struct token_grant grant = {
        .subject = order->subject,
        .tenant = order->tenant,
        .organisation = order->organisation,
        .roles = order->roles,
        .n_roles = order->n_roles,
        .areas = order->areas,
        .n_areas = order->n_areas,
        .ttl_s = order->ttl_s,
    };

    return token_claims(&grant, config);
}

static char *sign(const struct order *order, const struct config *config)
{
    const char *fault = NULL;
    char *text = NULL, *token = NULL;
    struct keys *keys = NULL;
    const struct key *key = NULL;
    json_t *claims = NULL;

    if (!config->key_dir[0])
        fault = "key_dir is not set: there is no key to sign with.";
    else if (keys_new(config->key_dir, /* jwks_file= */ NULL, /* note= */ NULL, &keys, &text))
        fault = text ? text : "memory is out.";
    else
        key = keys_signer(keys, order->kid, &fault);
    if (key) {
        claims = claims_of(order, config);
        token = claims ? key_sign(key, claims) : NULL;
        fault = "the claims cannot be written as a token (is every text UTF-8?).";
    }
    if (!token)
        fprintf(stderr, "whistled token mint: %s\n", fault);
    json_decref(claims);
    keys_free(keys);
    free(text);
    return token;
}

static void say_fault(void *context, const char *check, const char *fault)
{
    (void)context;
    if (fault)
        fprintf(stderr, "whistled token mint: the service would not take it: %s: %s.\n", check, fault);
}

/* A token that the service would refuse helps nobody: it is not printed. */
static bool would_be_taken(const char *token, const struct config *config)
{
    struct auth_settings settings = worker_auth_settings(config);
    struct auth *auth = NULL;
    char *text = NULL;
    bool taken = false;

    settings.note = NULL;
    if (auth_new(&settings, &auth, &text))
        fprintf(stderr, "whistled token mint: %s\n", text ? text : "memory is out.");
    else
        taken = auth_explain(auth, token, time(NULL), say_fault, NULL) == 0;
    auth_free(auth);
    free(text);
    return taken;
}

int token_mint(int argc, char **argv, const struct config *config)
{
    struct order order = {.n_roles = 0};
    int status = read_flags(argc, argv, &order);
    char *token;

    if (!status)
        status = check_order(&order);
    if (status)
        return status;
    token = sign(&order, config);
    status = token && would_be_taken(token, config) ? 0 : 1;
    if (!status)
        puts(token);
    free(token);
    return status;
}
