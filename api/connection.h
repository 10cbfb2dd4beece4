/* connection.h — clients' connections: each in one phase, each phase with one deadline, and who goes away is noticed.
 */
#ifndef WHISTLED_CONNECTION_H
#define WHISTLED_CONNECTION_H

#include <microhttpd.h>
#include <stdbool.h>
#include <stdint.h>

#include "event.h"

struct worker;
struct request;

/* A connection is in exactly one of these; connection_enter moves it. */
enum connection_phase {
    CONNECTION_NEW,      /* accepted, no header complete yet: header_timeout_ms */
    CONNECTION_HEADER,   /* the request line is there, its headers are not: header_timeout_ms */
    CONNECTION_BODY,     /* body_timeout_ms */
    CONNECTION_UPLOAD,   /* upload_timeout_ms: megabytes over a mobile network take their time */
    CONNECTION_WORKING,  /* ours to answer; the database has a deadline of its own */
    CONNECTION_SENDING,  /* SEND_TIMEOUT_MS */
    CONNECTION_DRIPPING, /* DRIP_TIMEOUT_MS, anew with each part that the client takes */
    CONNECTION_IDLE,     /* between two requests: idle_timeout_s */
    N_CONNECTION_PHASES,
};

struct connection {
    struct event_source source; /* EPOLLRDHUP: the client went away or will send no more */
    struct worker *worker;
    int fd;
    int linger_fd; /* a second name of the socket, kept to read away what an early refusal left unread; -1 */
    enum connection_phase phase;
    bool half_closed; /* the client will send no more; what it sent may not be read yet */
    bool awaited;     /* in the list of those whose body, or more of it, was still to come this turn */
    uint64_t deadline_ms;
    struct connection *previous, *next; /* of its phase's list, the oldest first */
    struct connection *next_awaited;
    struct request *request; /* NULL between requests */
};

struct lingerer;

/* Per worker. Deadlines of one phase are all equally long, so each list is in order of its deadlines. */
struct connections {
    struct connection *first[N_CONNECTION_PHASES], *last[N_CONNECTION_PHASES];
    unsigned timeouts_ms[N_CONNECTION_PHASES]; /* 0: none */
    unsigned n;
    struct connection *buried; /* closed this turn, whose events may still name them; freed one turn later */
    struct connection *awaited;
    struct lingerer *lingers;
    unsigned n_lingers;
    bool half_closed; /* some connection in the middle of its request may be */
};

void connections_init(struct worker *worker);
/* MHD_OPTION_NOTIFY_CONNECTION; cls is the worker. */
void connection_notify(void *cls, struct MHD_Connection *mhd, void **socket_context,
                       enum MHD_ConnectionNotificationCode code);
struct connection *connection_of(struct MHD_Connection *mhd);
void connection_enter(struct connection *connection, enum connection_phase phase);
/* A part of a request has come. If this turn does not bring its end, the part is acknowledged at once. */
void connection_await(struct connection *connection);
/* The reply goes out before the body was read: keeps the socket from being reset until the client has read it. */
void connection_linger(struct connection *connection);
/* Takes the socket of a connection that libmicrohttpd has suspended, and leaves it another that leads nowhere; once it
 * is resumed it closes that one. Returns the socket, which is the caller's from now on, or -1 with nothing done. */
int connection_hand_over(struct connection *connection);
/* Shuts down what is past its deadline. Returns milliseconds to the next, at most `most`. */
int connections_tick(struct worker *worker, int most);
/* Drain: closes what is between two requests. */
void connections_close_idle(struct worker *worker);
/* Requests that are somewhere between the end of their header and the last byte of their reply. */
bool connections_busy(const struct worker *worker);
void connections_stop(struct worker *worker);

#endif
