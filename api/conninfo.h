/* conninfo.h — what every connection of the service asks of libpq and of its session, on top of the operator's URL. */
#ifndef WHISTLED_CONNINFO_H
#define WHISTLED_CONNINFO_H

#include <libpq-fe.h>

enum { CONNINFO_MAX = 64 };

struct conninfo_settings {
    const char *url;
    const char *search_path, *zone;
    const char *application_name;
    unsigned statement_timeout_ms; /* 0: none */
    /* Start with another host of a list: libpq's asynchronous connecting waits for a silent host as long as the kernel
     * does, and only we know that it was too long. */
    unsigned rotation;
};

struct conninfo {
    const char *keywords[CONNINFO_MAX], *values[CONNINFO_MAX]; /* for PQconnectStartParams, NULL at the end */
    char *owned[CONNINFO_MAX];
    unsigned n, n_owned;
    PQconninfoOption *parsed;
};

/* 0, -ENOMEM, or -EINVAL with a sentence (malloc'ed) when the URL is none. */
int conninfo_make(const struct conninfo_settings *settings, struct conninfo *ret_info, char **reterr_text);
void conninfo_clear(struct conninfo *info);

#endif
