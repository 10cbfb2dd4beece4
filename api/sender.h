/* sender.h — posts messages to addresses that somebody outside named, many at a time: libcurl's multi interface behind
 * one descriptor. Knows nothing of the database. For one thread. */
#ifndef WHISTLED_SENDER_H
#define WHISTLED_SENDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "address.h"

enum send_error {
    SEND_OK,
    SEND_STATUS,
    SEND_REDIRECT,
    SEND_TIMEOUT,
    SEND_DNS,
    SEND_REFUSED_ADDRESS,
    SEND_CONNECT,
    SEND_TLS,
    SEND_PROTOCOL,
    SEND_INTERNAL,
    N_SEND_ERRORS,
};
/* Its code in the dictionary webhook_error; "delivered" for SEND_OK. */
const char *send_error_name(enum send_error error);

struct sender;

/* One message on its way. The caller owns it and what it points to until `done` was called or it was cancelled. */
struct sending {
    const char *url, *id, *secrets, *body;

    /* Set before `done`. */
    enum send_error error;
    int status;            /* 0: no answer */
    long long retry_after; /* seconds; 0: the receiver did not say */
    int64_t begun_ms;      /* wall clock */
    unsigned duration_ms;

    /* Of sender.c alone. */
    struct sender *sender;
    struct sending *previous, *next;
    void *easy;
    void *headers;
    bool https;
    bool refused, called; /* an address that may not be called; one that may */
    bool answered;
    size_t received;
    uint64_t begun_us;
};

struct sender_settings {
    const struct address_rules *rules;
    const char *ca_file; /* besides the system's; empty: none */
    unsigned timeout_ms; /* for everything, from looking up the name to the end of the answer's header */
    const char *user_agent;
    void (*done)(void *context, struct sending *sending);
    void *context;
};

/* 0 or -Exxx. The settings' texts must outlive it. */
int sender_new(const struct sender_settings *settings, struct sender **ret_sender);
/* What is on its way is cancelled: nobody is told. Accepts NULL; returns NULL. */
struct sender *sender_free(struct sender *sender);
/* Readable when sender_turn has something to do. */
int sender_fd(const struct sender *sender);
/* Calls `done` for what has ended. */
void sender_turn(struct sender *sender);
/* 0, with `done` to come in a later turn; or -Exxx, and nothing was begun. */
int sender_begin(struct sender *sender, struct sending *sending);
/* Breaks off everything on its way; nobody is told. */
void sender_cancel_all(struct sender *sender);
unsigned sender_under_way(const struct sender *sender);

#endif
