/* user.h — virtual users: each a keep-alive connection that walks through the scenario. */
#ifndef USER_H
#define USER_H

#include <netinet/in.h>
#include <stdint.h>

#include "histogram.h"
#include "scenario.h"

enum { MAX_STATUS = 600, MAX_SECONDS = 3600, REQUEST_SIZE = 8192 };

/* What happened in one second of the run. */
struct second {
    uint64_t good, refused, other;
};

struct user {
    struct fleet *fleet;
    struct user *next_free;
    int fd;
    bool connected, busy;
    size_t step;
    char values[MAX_VARIABLES][VARIABLE_SIZE];
    uint64_t scheduled_us; /* when the request should have gone out: a late start counts as waiting */
    char *out, *in;
    size_t out_size, out_sent, in_size, in_capacity;
};

struct fleet {
    struct scenario scenario;
    struct sockaddr_in address;
    int epoll;
    struct user *users, *free;
    size_t n_users;
    const char *prefix; /* of ${n}: makes keys of this run its own */
    uint64_t started, next_row;
    bool rows_once;
    double rate; /* requests a second, open loop; 0: closed loop */
    bool counting, stopping;
    uint64_t epoch_us;
    struct histogram latency[MAX_STEPS], good, refused;
    uint64_t statuses[MAX_STATUS], unexpected, broken, iterations, exhausted, in_flight;
    char first_fault[512];
    struct second *seconds;
};

uint64_t now_us(void);

/* Opens the connection; the next iteration begins as soon as it stands. */
void user_open(struct user *user);

/* Begins an iteration at its first step; false when the rows are used up. */
bool user_begin(struct user *user, uint64_t scheduled_us);

void user_event(struct user *user, uint32_t events);

#endif
