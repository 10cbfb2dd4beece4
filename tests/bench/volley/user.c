/* user.c — see user.h. */
#include "user.h"

#include <err.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "reply.h"

enum { IN_STEP = 65536, RETRY_AFTER_STATUS = 503 };

uint64_t now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static void watch(struct user *user, int operation, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = user};

    if (epoll_ctl(user->fleet->epoll, operation, user->fd, &event) != 0)
        err(1, "epoll_ctl");
}

void user_open(struct user *user)
{
    int one = 1;

    user->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (user->fd < 0)
        err(1, "socket");
    setsockopt(user->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    user->connected = false;
    user->in_size = 0;
    if (connect(user->fd, (struct sockaddr *)&user->fleet->address, sizeof user->fleet->address) != 0 &&
        errno != EINPROGRESS)
        err(1, "connect");
    watch(user, EPOLL_CTL_ADD, EPOLLOUT);
}

static void send_rest(struct user *user)
{
    while (user->out_sent < user->out_size) {
        ssize_t n = send(user->fd, user->out + user->out_sent, user->out_size - user->out_sent, MSG_NOSIGNAL);

        if (n < 0 && errno == EAGAIN) {
            watch(user, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
            return;
        }
        if (n < 0)
            return; /* the end of the connection is read soon */
        user->out_sent += (size_t)n;
    }
}

static void send_step(struct user *user)
{
    const struct step *step = &user->fleet->scenario.steps[user->step];
    char body[REQUEST_SIZE];
    size_t body_size = template_fill(&step->body, user->values, body, sizeof body);
    size_t size = template_fill(&step->head, user->values, user->out, REQUEST_SIZE);
    int more = step->has_body
                   ? snprintf(user->out + size, REQUEST_SIZE - size, "Content-Length: %zu\r\n\r\n", body_size)
                   : snprintf(user->out + size, REQUEST_SIZE - size, "\r\n");

    if (size == 0 || size + (size_t)more + body_size >= REQUEST_SIZE)
        errx(1, "step %s does not fit", step->name);
    memcpy(user->out + size + more, body, body_size);
    user->out_size = size + (size_t)more + body_size;
    user->out_sent = 0;
    user->in_size = 0;
    user->busy = true;
    if (user->connected)
        send_rest(user);
}

static bool take_row(struct user *user)
{
    struct fleet *fleet = user->fleet;
    const char *row;

    if (fleet->scenario.n_rows == 0)
        return true;
    if (fleet->rows_once && fleet->next_row >= fleet->scenario.n_rows) {
        fleet->exhausted++;
        return false;
    }
    row = fleet->scenario.rows[fleet->next_row++ % fleet->scenario.n_rows];
    for (int i = 1; i < N_FIXED; i++) {
        size_t size = strcspn(row, "\t");

        snprintf(user->values[i], VARIABLE_SIZE, "%.*s", (int)size, row);
        row += size + (row[size] == '\t');
    }
    return true;
}

bool user_begin(struct user *user, uint64_t scheduled_us)
{
    if (!take_row(user))
        return false;
    snprintf(user->values[VARIABLE_COUNT], VARIABLE_SIZE, "%s%llu", user->fleet->prefix,
             (unsigned long long)user->fleet->started++);
    user->step = 0;
    user->scheduled_us = scheduled_us;
    user->fleet->in_flight++;
    send_step(user);
    return true;
}

static void rest(struct user *user)
{
    user->busy = false;
    user->next_free = user->fleet->free;
    user->fleet->free = user;
}

/* The next step, the next iteration, or nothing more for now. */
static void go_on(struct user *user, bool good)
{
    struct fleet *fleet = user->fleet;
    uint64_t now = now_us();

    if (good && ++user->step < fleet->scenario.n_steps) {
        user->scheduled_us = now;
        send_step(user);
        return;
    }
    fleet->in_flight--;
    if (good && fleet->counting)
        fleet->iterations++;
    user->busy = false;
    if (fleet->rate > 0)
        rest(user);
    else if (!fleet->stopping)
        user_begin(user, now);
}

static void take_parts(struct user *user, const struct step *step, const struct http_reply *reply)
{
    for (size_t i = 0; i < step->n_takes; i++) {
        const struct take *take = &step->takes[i];
        size_t size = 0;
        const char *found =
            take->header ? reply_header(reply, take->prefix, &size) : reply_text(reply, take->prefix, &size);

        if (found == NULL || size >= VARIABLE_SIZE)
            errx(1, "step %s: the reply has no %s", step->name, take->prefix);
        memcpy(user->values[take->variable], found, size);
        user->values[take->variable][size] = '\0';
    }
}

static void count(struct fleet *fleet, size_t step, const struct http_reply *reply, uint64_t us, bool good)
{
    struct second *second = &fleet->seconds[(now_us() - fleet->epoch_us) / 1000000 % MAX_SECONDS];
    bool refused = reply->status == RETRY_AFTER_STATUS;

    good ? second->good++ : refused ? second->refused++ : second->other++;
    if (!good && !fleet->first_fault[0])
        snprintf(fleet->first_fault, sizeof fleet->first_fault, "%s: %d %.*s", fleet->scenario.steps[step].name,
                 reply->status, (int)(reply->body_size < 400 ? reply->body_size : 400), reply->body);
    if (!fleet->counting)
        return;
    fleet->statuses[reply->status < MAX_STATUS ? reply->status : 0]++;
    fleet->unexpected += !good && !refused;
    histogram_add(&fleet->latency[step], us);
    histogram_add(good ? &fleet->good : &fleet->refused, us);
}

static void reopen(struct user *user)
{
    close(user->fd);
    user_open(user);
}

static void broke(struct user *user)
{
    struct fleet *fleet = user->fleet;
    bool was_busy = user->busy;

    fleet->broken += fleet->counting && was_busy;
    fleet->seconds[(now_us() - fleet->epoch_us) / 1000000 % MAX_SECONDS].other += was_busy;
    close(user->fd);
    user->busy = false;
    user_open(user);
    if (was_busy)
        go_on(user, false);
}

static void replied(struct user *user, const struct http_reply *reply)
{
    const struct step *step = &user->fleet->scenario.steps[user->step];
    bool good = step->expected == 0 || reply->status == step->expected;

    count(user->fleet, user->step, reply, now_us() - user->scheduled_us, good);
    if (good)
        take_parts(user, step, reply);
    if (reply->close)
        reopen(user);
    go_on(user, good);
}

static void receive(struct user *user)
{
    struct http_reply reply;
    ssize_t n;

    if (user->in_capacity - user->in_size < IN_STEP) {
        user->in_capacity += IN_STEP;
        user->in = realloc(user->in, user->in_capacity + 1);
        if (user->in == NULL)
            errx(1, "out of memory");
    }
    n = recv(user->fd, user->in + user->in_size, user->in_capacity - user->in_size, 0);
    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0) {
        broke(user);
        return;
    }
    user->in_size += (size_t)n;
    user->in[user->in_size] = '\0';
    n = reply_parse(user->in, user->in_size, &reply);
    if (n < 0)
        errx(1, "that is no HTTP: %.80s", user->in);
    if (n > 0)
        replied(user, &reply);
}

void user_event(struct user *user, uint32_t events)
{
    if (!user->connected) {
        int error = 0;
        socklen_t size = sizeof error;

        getsockopt(user->fd, SOL_SOCKET, SO_ERROR, &error, &size);
        if (error != 0) {
            broke(user);
            return;
        }
        user->connected = true;
        watch(user, EPOLL_CTL_MOD, EPOLLIN);
        send_rest(user);
        return;
    }
    if ((events & EPOLLOUT) && user->out_sent < user->out_size) {
        watch(user, EPOLL_CTL_MOD, EPOLLIN);
        send_rest(user);
        return;
    }
    if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
        receive(user);
}
