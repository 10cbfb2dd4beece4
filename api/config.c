/* config.c — environment and flags become one struct, by one table. */
#include "config.h"

#include <errno.h>
#include <libpq-fe.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "address.h"
#include "listen.h"
#include "log.h"

enum kind { TEXT, SECRET, NUMBER, SWITCH };

struct setting {
    const char *name;        /* database_url: flag --database-url, environment WHISTLED_DATABASE_URL */
    const char *environment; /* when it is not WHISTLED_<NAME> */
    enum kind kind;
    size_t offset;
    const char *fallback;
    unsigned minimum, maximum;
    const char *help;
};

#define AT(field) .name = #field, .offset = offsetof(struct config, field)

static const struct setting settings[] = {
    {AT(listen), .kind = TEXT, .fallback = "127.0.0.1:8080", .help = "address and port of the API"},
    {AT(metrics_listen), .kind = TEXT, .fallback = "127.0.0.1:8081",
     .help = "address and port of /metrics; empty: none"},
    {AT(database_url), .kind = SECRET, .fallback = "", .help = "the service's own, unprivileged connection"},
    {AT(migrate_url), .environment = "DATABASE_URL", .kind = SECRET, .fallback = "",
     .help = "the owner's, for migrate"},
    {AT(service_role), .kind = TEXT, .fallback = "whistled", .help = "role that migrate grants to"},
    {AT(workers), .kind = NUMBER, .fallback = "0", .maximum = 256, .help = "threads; 0: one for each core"},
    {AT(read_connections), .kind = NUMBER, .fallback = "2", .minimum = 1, .maximum = 64,
     .help = "for each worker; under load one of them works, the others pass what holds it up"},
    {AT(write_connections), .kind = NUMBER, .fallback = "2", .minimum = 1, .maximum = 64,
     .help = "for each worker, likewise"},
    {AT(queue_limit), .kind = NUMBER, .fallback = "2048", .minimum = 1, .maximum = 1000000,
     .help = "statements waiting in one worker; more are answered 503"},
    {AT(queue_wait_ms), .kind = NUMBER, .fallback = "500", .maximum = 600000,
     .help = "in that queue; what would wait longer is answered 503 at once; 0: whatever it is"},
    {AT(group_limit), .kind = NUMBER, .fallback = "32", .minimum = 1, .maximum = 32,
     .help = "writes in one transaction, reads before one Sync"},
    {AT(request_timeout_ms), .kind = NUMBER, .fallback = "5000", .minimum = 100, .maximum = 600000,
     .help = "for the database's answer"},
    {AT(header_timeout_ms), .kind = NUMBER, .fallback = "10000", .minimum = 100, .maximum = 600000,
     .help = "for all of a request's header"},
    {AT(body_timeout_ms), .kind = NUMBER, .fallback = "30000", .minimum = 100, .maximum = 3600000,
     .help = "for all of a request's body"},
    {AT(upload_timeout_ms), .kind = NUMBER, .fallback = "180000", .minimum = 100, .maximum = 3600000,
     .help = "for all of a picture's bytes"},
    {AT(max_connections), .kind = NUMBER, .fallback = "20000", .minimum = 1, .maximum = 1000000,
     .help = "of clients, over all workers"},
    {AT(max_waiters), .kind = NUMBER, .fallback = "10000", .maximum = 1000000,
     .help = "requests hanging under Prefer: wait, over all workers"},
    {AT(max_streams), .kind = NUMBER, .fallback = "10000", .maximum = 1000000,
     .help = "streams of events, over all workers"},
    {AT(stream_retry_ms), .kind = NUMBER, .fallback = "2000", .maximum = 600000,
     .help = "before a stream that was cut comes again"},
    {AT(idle_timeout_s), .kind = NUMBER, .fallback = "75", .minimum = 1, .maximum = 3600,
     .help = "before an idle connection is closed"},
    {AT(drain_timeout_ms), .kind = NUMBER, .fallback = "10000", .maximum = 600000,
     .help = "for requests in flight after SIGTERM"},
    {AT(zone), .kind = TEXT, .fallback = "Asia/Shanghai", .help = "in which times are written"},
    {AT(key_dir), .kind = TEXT, .fallback = "", .help = "folder of token keys"},
    {AT(jwks_file), .kind = TEXT, .fallback = "", .help = "keys of an outside identity provider"},
    {AT(issuer), .kind = TEXT, .fallback = "", .help = "iss that tokens must have"},
    {AT(audience), .kind = TEXT, .fallback = "", .help = "aud that tokens must have"},
    {AT(claim_tenant), .kind = TEXT, .fallback = "tenant", .help = "name of the claim"},
    {AT(claim_roles), .kind = TEXT, .fallback = "roles", .help = "name of the claim; dots descend"},
    {AT(claim_org), .kind = TEXT, .fallback = "org", .help = "name of the claim"},
    {AT(claim_areas), .kind = TEXT, .fallback = "areas", .help = "name of the claim"},
    {AT(leeway_s), .kind = NUMBER, .fallback = "30", .maximum = 600, .help = "for clocks that differ"},
    {AT(attachments_dir), .kind = TEXT, .fallback = "", .help = "folder of uploaded pictures"},
    {AT(docs_dir), .kind = TEXT, .fallback = "", .help = "folder of the reference page"},
    {AT(cors_origins), .kind = TEXT, .fallback = "", .help = "allowed origins, with commas between"},
    {AT(citizen_rate), .kind = NUMBER, .fallback = "50", .maximum = 100000,
     .help = "requests a second of one citizen in one worker; 0: no limit"},
    {AT(citizen_streams), .kind = NUMBER, .fallback = "10", .maximum = 100000,
     .help = "streams of one citizen in one worker; 0: no limit"},
    {AT(webhook_allow), .kind = TEXT, .fallback = "",
     .help = "networks that webhooks may lie in besides public ones, 10.0.0.0/8,…; also by plain http"},
    {AT(webhook_ports), .kind = TEXT, .fallback = "443,8443", .help = "ports of webhooks; 8000-8999 is a range"},
    {AT(webhook_ca_file), .kind = TEXT, .fallback = "",
     .help = "certificates that webhooks' servers may have besides the system's"},
    {AT(webhook_timeout_ms), .kind = NUMBER, .fallback = "20000", .minimum = 100, .maximum = 120000,
     .help = "for a webhook's answer, from looking up its name on"},
    {AT(webhook_parallel), .kind = NUMBER, .fallback = "64", .maximum = 256,
     .help = "webhooks called at the same time; 0: this instance calls none"},
    {AT(client_rate), .kind = NUMBER, .fallback = "50", .maximum = 100000,
     .help = "requests a second of one machine client in one worker; 0: no limit"},
    {AT(public_rate), .kind = NUMBER, .fallback = "100", .maximum = 100000,
     .help = "requests a second of all Open311 readers without a key in one worker; 0: no limit"},
    {AT(failure_burst), .kind = NUMBER, .fallback = "30", .maximum = 1000,
     .help = "wrong secrets for one client in a row before 429, then one in 5 s; 0: no limit"},
    {AT(client_token_s), .kind = NUMBER, .fallback = "600", .minimum = 30, .maximum = 3600,
     .help = "life of a machine client's token"},
    {AT(signing_kid), .kind = TEXT, .fallback = "",
     .help = "key that signs them; empty: the only one in key_dir that can"},
    {AT(public_url), .kind = TEXT, .fallback = "",
     .help = "address of the service for others; empty: http:// and the Host header"},
    {AT(open311_tenant), .kind = TEXT, .fallback = "",
     .help = "street of Open311 requests without jurisdiction_id; empty: the only one that takes part"},
    {AT(open311_contact), .kind = TEXT, .fallback = "", .help = "whom to ask for a key, as discovery says it"},
    {AT(log_level), .kind = TEXT, .fallback = "info", .help = "debug, info, warning or error"},
    {AT(test_clock), .kind = SWITCH, .fallback = "0", .help = "honour Whistled-Now; on loopback only"},
};

enum { N_SETTINGS = sizeof settings / sizeof settings[0] };

static int fail(char **reterr_text, const char *format, ...) __attribute__((format(printf, 2, 3)));

static int fail(char **reterr_text, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    if (vasprintf(reterr_text, format, arguments) < 0)
        *reterr_text = NULL;
    va_end(arguments);
    return -EINVAL;
}

static void *field_of(const struct config *config, const struct setting *setting)
{
    return (char *)config + setting->offset;
}

static int set_number(struct config *config, const struct setting *setting, const char *text, char **reterr_text)
{
    unsigned long value;
    char *end;

    errno = 0;
    value = strtoul(text, &end, 10);
    if (errno || end == text || *end || text[0] == '-' || value < setting->minimum || value > setting->maximum)
        return fail(reterr_text, "%s must be a whole number from %u to %u, not \"%s\".", setting->name,
                    setting->minimum, setting->maximum, text);
    *(unsigned *)field_of(config, setting) = (unsigned)value;
    return 0;
}

static int set_switch(struct config *config, const struct setting *setting, const char *text, char **reterr_text)
{
    bool on = !strcmp(text, "1") || !strcmp(text, "true") || !strcmp(text, "yes") || !strcmp(text, "on");
    bool off = !*text || !strcmp(text, "0") || !strcmp(text, "false") || !strcmp(text, "no") || !strcmp(text, "off");

    if (!on && !off)
        return fail(reterr_text, "%s must be 1 or 0, not \"%s\".", setting->name, text);
    *(bool *)field_of(config, setting) = on;
    return 0;
}

static int set_value(struct config *config, const struct setting *setting, const char *text, char **reterr_text)
{
    switch (setting->kind) {
    case NUMBER:
        return set_number(config, setting, text, reterr_text);
    case SWITCH:
        return set_switch(config, setting, text, reterr_text);
    case TEXT:
    case SECRET:
        *(const char **)field_of(config, setting) = text;
        return 0;
    }
    return 0;
}

static void environment_name(const struct setting *setting, char *ret_name, size_t size)
{
    if (setting->environment) {
        snprintf(ret_name, size, "%s", setting->environment);
        return;
    }
    snprintf(ret_name, size, "WHISTLED_%s", setting->name);
    for (char *c = ret_name; *c; c++)
        if (*c >= 'a' && *c <= 'z')
            *c = (char)(*c - 'a' + 'A');
}

static int read_environment(struct config *config, char **reterr_text)
{
    for (size_t i = 0; i < N_SETTINGS; i++) {
        char name[64];
        const char *text;
        int r;

        environment_name(&settings[i], name, sizeof name);
        text = getenv(name);
        /* An empty number is an unset one: compose files write `WHISTLED_WORKERS=`. */
        if (!text || (!*text && settings[i].kind == NUMBER))
            continue;
        r = set_value(config, &settings[i], text, reterr_text);
        if (r)
            return r;
    }
    return 0;
}

/* --database-url and --database_url are the same; `ret_value` is what follows '=', or NULL. */
static const struct setting *find_flag(const char *argument, const char **ret_value)
{
    size_t size = strcspn(argument, "=");

    if (strncmp(argument, "--", 2) != 0)
        return NULL;
    *ret_value = argument[size] ? argument + size + 1 : NULL;
    for (size_t i = 0; i < N_SETTINGS; i++) {
        const char *name = settings[i].name;
        size_t k = 0;

        while (name[k] && k + 2 < size && (argument[k + 2] == name[k] || (argument[k + 2] == '-' && name[k] == '_')))
            k++;
        if (!name[k] && k + 2 == size)
            return &settings[i];
    }
    return NULL;
}

static int read_flags(int *argc, char **argv, struct config *config, char **reterr_text)
{
    int kept = 1;

    for (int i = 1; i < *argc; i++) {
        const char *value = NULL;
        const struct setting *setting = find_flag(argv[i], &value);
        int r;

        if (!setting) {
            argv[kept++] = argv[i];
            continue;
        }
        if (!value && setting->kind == SWITCH)
            value = "1";
        else if (!value && i + 1 < *argc)
            value = argv[++i];
        if (!value)
            return fail(reterr_text, "--%s needs a value.", setting->name);
        r = set_value(config, setting, value, reterr_text);
        if (r)
            return r;
    }
    *argc = kept;
    argv[kept] = NULL;
    return 0;
}

int config_load(int *argc, char **argv, struct config *ret_config, char **reterr_text)
{
    int r = 0;

    *ret_config = (struct config){.listen = NULL};
    for (size_t i = 0; i < N_SETTINGS && !r; i++)
        r = set_value(ret_config, &settings[i], settings[i].fallback, reterr_text);
    if (!r)
        r = read_environment(ret_config, reterr_text);
    if (!r)
        r = read_flags(argc, argv, ret_config, reterr_text);
    if (!r && !ret_config->workers) {
        long cores = sysconf(_SC_NPROCESSORS_ONLN);

        ret_config->workers = cores < 1 ? 1 : (unsigned)cores;
    }
    return r;
}

int config_check(const struct config *config, char **reterr_text)
{
    struct listen_address address;
    struct address_rules rules;
    int r = listen_parse(config->listen, &address);

    if (r)
        return fail(reterr_text, "listen must be an address and a port like 127.0.0.1:8080, not \"%s\".",
                    config->listen);
    if (config->test_clock && !listen_is_loopback(&address))
        return fail(reterr_text, "test_clock is for tests: it needs a loopback address to listen on, not %s.",
                    config->listen);
    if (config->metrics_listen[0] && listen_parse(config->metrics_listen, &address))
        return fail(reterr_text, "metrics_listen must be an address and a port like 127.0.0.1:8081, not \"%s\".",
                    config->metrics_listen);
    if (address_parse_networks(config->webhook_allow, &rules))
        return fail(reterr_text, "webhook_allow must be networks like 10.0.0.0/8,fd00::/8, not \"%s\".",
                    config->webhook_allow);
    if (address_parse_ports(config->webhook_ports, &rules))
        return fail(reterr_text, "webhook_ports must be ports and ranges like 443,8000-8999, not \"%s\".",
                    config->webhook_ports);
    if (log_level_parse(config->log_level) < 0)
        return fail(reterr_text, "log_level must be debug, info, warning or error, not \"%s\".", config->log_level);
    return 0;
}

/* As libpq understands it, so that no way of writing a password is overlooked. */
static void print_secret(const char *value, FILE *out)
{
    PQconninfoOption *options = PQconninfoParse(value, /* errmsg= */ NULL);

    if (!options)
        fprintf(out, "(not understood)");
    for (const PQconninfoOption *option = options; option && option->keyword; option++) {
        /* libpq's own mark of what is not to be shown. */
        bool hidden = option->dispchar[0] == '*' || strstr(option->keyword, "password");

        if (option->val)
            fprintf(out, "%s=%s ", option->keyword, hidden ? "******" : option->val);
    }
    fprintf(out, "\n");
    PQconninfoFree(options);
}

void config_print(const struct config *config, FILE *out)
{
    for (size_t i = 0; i < N_SETTINGS; i++) {
        const void *field = field_of(config, &settings[i]);

        fprintf(out, "%s = ", settings[i].name);
        if (settings[i].kind == NUMBER)
            fprintf(out, "%u\n", *(const unsigned *)field);
        else if (settings[i].kind == SWITCH)
            fprintf(out, "%d\n", *(const bool *)field);
        else if (settings[i].kind == SECRET)
            print_secret(*(const char *const *)field, out);
        else
            fprintf(out, "%s\n", *(const char *const *)field);
    }
}

void config_help(FILE *out)
{
    for (size_t i = 0; i < N_SETTINGS; i++) {
        char environment[64], flag[64];

        environment_name(&settings[i], environment, sizeof environment);
        snprintf(flag, sizeof flag, "--%s", settings[i].name);
        for (char *c = flag; *c; c++)
            if (*c == '_')
                *c = '-';
        fprintf(out, "  %-22s %-28s %s", flag, environment, settings[i].help);
        fprintf(out, settings[i].fallback[0] ? " (%s)\n" : "\n", settings[i].fallback);
    }
}
