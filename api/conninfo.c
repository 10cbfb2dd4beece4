/* conninfo.c — joins the operator's database URL with the settings our sessions need. */
#include "conninfo.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void add(struct conninfo *info, const char *keyword, const char *value)
{
    if (info->n + 1 >= CONNINFO_MAX)
        return;
    info->keywords[info->n] = keyword;
    info->values[info->n++] = value;
}

static int add_owned(struct conninfo *info, const char *keyword, char *value)
{
    if (value == NULL || info->n_owned == CONNINFO_MAX) {
        free(value);
        return -ENOMEM;
    }
    info->owned[info->n_owned++] = value;
    add(info, keyword, value);
    return 0;
}

/* "a,b,c" by 1 → "b,c,a" */
static char *rotate_list(const char *list, unsigned by)
{
    unsigned n = 1;
    const char *from = list;
    char *turned = NULL;

    for (const char *p = list; *p != '\0'; p++)
        n += *p == ',';
    by %= n;
    if (by == 0)
        return strdup(list);
    for (unsigned i = 0; i < by; i++)
        from = strchr(from, ',') + 1;
    if (asprintf(&turned, "%s,%.*s", from, (int)(from - list) - 1, list) < 0)
        return NULL;
    return turned;
}

/* In `options`, a space ends a word unless a backslash stands before it. */
static char *escape_option(const char *text)
{
    char *escaped = malloc(2 * strlen(text) + 1), *to = escaped;

    if (escaped == NULL)
        return NULL;
    for (; *text != '\0'; text++) {
        if (*text == ' ' || *text == '\\')
            *to++ = '\\';
        *to++ = *text;
    }
    *to = '\0';
    return escaped;
}

static char *session_options(const struct conninfo_settings *settings, const char *given)
{
    char *search_path = escape_option(settings->search_path), *zone = escape_option(settings->zone), *options = NULL;

    if (search_path != NULL && zone != NULL &&
        asprintf(&options,
                 "%s -c search_path=%s -c TimeZone=%s -c statement_timeout=%u -c lock_timeout=1000"
                 " -c idle_in_transaction_session_timeout=10000 -c jit=off"
                 " -c plan_cache_mode=force_generic_plan",
                 given != NULL ? given : "", search_path, zone, settings->statement_timeout_ms) < 0)
        options = NULL;
    free(search_path);
    free(zone);
    return options;
}

static int add_parsed(struct conninfo *info, unsigned rotation, const char **ret_options)
{
    int r = 0;

    for (PQconninfoOption *option = info->parsed; option->keyword != NULL && r == 0; option++) {
        if (option->val == NULL)
            continue;
        if (strcmp(option->keyword, "options") == 0)
            *ret_options = option->val;
        else if (strcmp(option->keyword, "host") == 0 || strcmp(option->keyword, "hostaddr") == 0 ||
                 strcmp(option->keyword, "port") == 0)
            r = add_owned(info, option->keyword, rotate_list(option->val, rotation));
        else
            add(info, option->keyword, option->val);
    }
    return r;
}

int conninfo_make(const struct conninfo_settings *settings, struct conninfo *ret_info, char **reterr_text)
{
    struct conninfo info = {0};
    const char *given = NULL;
    char *problem = NULL;
    int r;

    info.parsed = PQconninfoParse(settings->url, &problem);
    if (info.parsed == NULL) {
        if (asprintf(reterr_text, "the database URL is not understood: %.*s",
                     problem != NULL ? (int)strcspn(problem, "\n") : 0, problem != NULL ? problem : "") < 0)
            *reterr_text = NULL;
        PQfreemem(problem);
        return -EINVAL;
    }

    /* In front of the operator's own words, which win. A dead peer must be noticed in seconds, not in the kernel's
     * hours. */
    add(&info, "connect_timeout", "5");
    add(&info, "keepalives_idle", "10");
    add(&info, "keepalives_interval", "5");
    add(&info, "keepalives_count", "3");
    add(&info, "tcp_user_timeout", "15000");
    add(&info, "application_name", settings->application_name);
    r = add_parsed(&info, settings->rotation, &given);
    add(&info, "client_encoding", "UTF8");
    if (r == 0)
        r = add_owned(&info, "options", session_options(settings, given));
    if (r < 0) {
        conninfo_clear(&info);
        return r;
    }
    *ret_info = info;
    return 0;
}

void conninfo_clear(struct conninfo *info)
{
    for (unsigned i = 0; i < info->n_owned; i++)
        free(info->owned[i]);
    PQconninfoFree(info->parsed);
    *info = (struct conninfo){0};
}
