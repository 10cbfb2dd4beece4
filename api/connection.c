/* connection.c — clients' connections: phases with deadlines, disconnects, and lingering after early refusals. */
#include "connection.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "reply.h"
#include "request.h"
#include "wait.h"
#include "worker.h"

enum {
    SEND_TIMEOUT_MS = 300 * 1000, /* 10 MiB over a slow phone line */
    DRIP_TIMEOUT_MS = 60 * 1000,
    LINGER_MS = 2000,
    LINGER_BYTES = 16 * 1024 * 1024,
    MAX_LINGERS = 256,
};

/* A socket that libmicrohttpd has closed and whose client may still be sending. Closed at once, the kernel would answer
 * those bytes with a reset, and the client would never read why it was refused. */
struct lingerer {
    struct event_source source;
    struct worker *worker;
    struct lingerer *next;
    int fd;
    bool done;
    uint64_t deadline_ms;
    size_t bytes;
};

void connections_init(struct worker *worker)
{
    const struct config *config = worker->service->config;

    worker->connections = (struct connections){
        .timeouts_ms =
            {
                [CONNECTION_NEW] = config->header_timeout_ms,
                [CONNECTION_HEADER] = config->header_timeout_ms,
                [CONNECTION_BODY] = config->body_timeout_ms,
                [CONNECTION_UPLOAD] = config->upload_timeout_ms,
                [CONNECTION_SENDING] = SEND_TIMEOUT_MS,
                [CONNECTION_DRIPPING] = DRIP_TIMEOUT_MS,
                [CONNECTION_IDLE] = config->idle_timeout_s * 1000,
            },
    };
}

static void unlink_connection(struct connection *connection)
{
    struct connections *all = &connection->worker->connections;

    *(connection->previous ? &connection->previous->next : &all->first[connection->phase]) = connection->next;
    *(connection->next ? &connection->next->previous : &all->last[connection->phase]) = connection->previous;
}

static void append_connection(struct connection *connection)
{
    struct connections *all = &connection->worker->connections;

    connection->next = NULL;
    connection->previous = all->last[connection->phase];
    *(connection->previous ? &connection->previous->next : &all->first[connection->phase]) = connection;
    all->last[connection->phase] = connection;
}

void connection_enter(struct connection *connection, enum connection_phase phase)
{
    unsigned timeout_ms = connection->worker->connections.timeouts_ms[phase];

    unlink_connection(connection);
    connection->phase = phase;
    connection->deadline_ms = timeout_ms ? connection->worker->now_ms + timeout_ms : UINT64_MAX;
    append_connection(connection);
}

/* A client that only closed its sending side still reads: what waits for news is answered now, everything else goes on.
 */
static void gone(struct event_source *source, uint32_t events)
{
    struct connection *connection = (struct connection *)source;

    (void)events;
    connection->half_closed = connection->worker->connections.half_closed = true;
    if (connection->request && connection->request->waiter)
        wait_end(connection->request);
}

/* libmicrohttpd takes a short read for the last one, and never hears of an end that came with it: an aborted upload
 * would stay until its deadline. Once all was read, closing what the client has closed already tells it again. */
static bool tell_end(struct connection *connection)
{
    char byte;

    if (recv(connection->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) != 0)
        return false;
    connection->half_closed = false;
    shutdown(connection->fd, SHUT_RD);
    return true;
}

static void tell_ends(struct connections *all)
{
    static const enum connection_phase receiving[] = {CONNECTION_NEW, CONNECTION_HEADER, CONNECTION_BODY,
                                                      CONNECTION_UPLOAD};
    bool left = false;

    for (size_t i = 0; i < sizeof receiving / sizeof receiving[0]; i++)
        for (struct connection *one = all->first[receiving[i]]; one; one = one->next)
            if (one->half_closed && !tell_end(one))
                left = true;
    all->half_closed = left;
}

static void started(struct worker *worker, struct MHD_Connection *mhd, void **socket_context)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct connection *connection = calloc(1, sizeof *connection);
    struct epoll_event event = {.events = EPOLLRDHUP | EPOLLET, .data.ptr = connection};

    *socket_context = connection;
    if (!connection)
        return;
    *connection = (struct connection){
        .source.ready = gone,
        .worker = worker,
        .fd = info ? info->connect_fd : -1,
        .linger_fd = -1,
        .phase = CONNECTION_NEW,
    };
    append_connection(connection);
    connection_enter(connection, CONNECTION_NEW);
    worker->connections.n++;
    /* Without it a wait ends a little later; that is no reason to refuse the client. */
    (void)epoll_ctl(worker->epoll_fd, EPOLL_CTL_ADD, connection->fd, &event);
}

static void linger_close(struct lingerer *linger)
{
    if (linger->fd >= 0)
        close(linger->fd);
    linger->fd = -1;
    linger->done = true;
}

static void linger_ready(struct event_source *source, uint32_t events)
{
    struct lingerer *linger = (struct lingerer *)source;
    char scratch[16384];

    (void)events;
    while (!linger->done) {
        ssize_t size = recv(linger->fd, scratch, sizeof scratch, MSG_DONTWAIT);

        if (size < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (size > 0)
            linger->bytes += (size_t)size;
        if (size <= 0 || linger->bytes > LINGER_BYTES)
            linger_close(linger);
    }
}

static void linger_new(struct worker *worker, int fd)
{
    struct lingerer *linger = worker->connections.n_lingers < MAX_LINGERS ? calloc(1, sizeof *linger) : NULL;
    struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP, .data.ptr = linger};

    if (!linger || epoll_ctl(worker->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0) {
        free(linger);
        close(fd);
        return;
    }
    *linger = (struct lingerer){
        .source.ready = linger_ready,
        .worker = worker,
        .next = worker->connections.lingers,
        .fd = fd,
        .deadline_ms = worker->now_ms + LINGER_MS,
    };
    worker->connections.lingers = linger;
    worker->connections.n_lingers++;
}

/* Freed only here, between turns: this turn's events may still name one. */
static int sweep_lingers(struct worker *worker, int most)
{
    struct lingerer **place = &worker->connections.lingers;

    while (*place) {
        struct lingerer *linger = *place;

        if (!linger->done && worker->now_ms < linger->deadline_ms) {
            place = &linger->next;
            most = most < 100 ? most : 100;
            continue;
        }
        *place = linger->next;
        worker->connections.n_lingers--;
        linger_close(linger);
        free(linger);
    }
    return most;
}

static void closed(struct connection *connection)
{
    struct worker *worker = connection->worker;

    /* Named after the socket, not after the descriptor: a second descriptor would keep it in the set. */
    (void)epoll_ctl(worker->epoll_fd, EPOLL_CTL_DEL, connection->fd, NULL);
    if (connection->linger_fd >= 0)
        linger_new(worker, connection->linger_fd);
    unlink_connection(connection);
    worker->connections.n--;
    connection->fd = -1;
    connection->next = worker->connections.buried;
    worker->connections.buried = connection;
}

void connection_notify(void *cls, struct MHD_Connection *mhd, void **socket_context,
                       enum MHD_ConnectionNotificationCode code)
{
    if (code == MHD_CONNECTION_NOTIFY_STARTED)
        started(cls, mhd, socket_context);
    else if (*socket_context)
        closed(*socket_context);
}

struct connection *connection_of(struct MHD_Connection *mhd)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

    return info ? info->socket_context : NULL;
}

void connection_linger(struct connection *connection)
{
    if (connection->linger_fd < 0)
        connection->linger_fd = fcntl(connection->fd, F_DUPFD_CLOEXEC, 3);
}

/* A suspended connection is in nobody's epoll but ours, and libmicrohttpd looks at its socket again only when it is
 * resumed. Then it shuts down and closes what it finds under that number. */
int connection_hand_over(struct connection *connection)
{
    struct worker *worker = connection->worker;
    int fd = fcntl(connection->fd, F_DUPFD_CLOEXEC, 3);

    if (fd < 0)
        return -1;
    (void)epoll_ctl(worker->epoll_fd, EPOLL_CTL_DEL, connection->fd, NULL);
    if (dup3(worker->blank_fd, connection->fd, O_CLOEXEC) >= 0)
        return fd;
    close(fd);
    return -1;
}

static bool receives_body(const struct connection *connection)
{
    return connection->phase == CONNECTION_BODY || connection->phase == CONNECTION_UPLOAD;
}

void connection_await(struct connection *connection)
{
    struct connections *all = &connection->worker->connections;

    if (connection->awaited)
        return;
    connection->awaited = true;
    connection->next_awaited = all->awaited;
    all->awaited = connection;
}

/* A client that sends a request in parts holds each back until the one before is acknowledged (Nagle), and the kernel
 * holds the acknowledgement back for 40 ms in hope of a reply that could carry it. */
static void acknowledge(struct connections *all)
{
    const int yes = 1;

    for (struct connection *one = all->awaited; one; one = one->next_awaited) {
        one->awaited = false;
        if (one->fd >= 0 && receives_body(one))
            (void)setsockopt(one->fd, IPPROTO_TCP, TCP_QUICKACK, &yes, sizeof yes);
    }
    all->awaited = NULL;
}

/* libmicrohttpd then reads an end of file and closes. */
static void expire(struct connection *connection)
{
    struct request *request = connection->request;

    if (request && (connection->phase == CONNECTION_HEADER || receives_body(connection))) {
        if (!request->reply.ready)
            request_refuse(request, "request_timeout");
        reply_send_raw(request, connection->fd);
    }
    shutdown(connection->fd, SHUT_RDWR);
    /* Once is enough; if that did not help, nothing will. */
    connection->worker->daemon_due = true;
    connection_enter(connection, CONNECTION_SENDING);
}

static int tick_phase(struct worker *worker, enum connection_phase phase, int most)
{
    struct connections *all = &worker->connections;

    while (all->timeouts_ms[phase] && all->first[phase]) {
        uint64_t deadline_ms = all->first[phase]->deadline_ms;

        if (deadline_ms > worker->now_ms) {
            uint64_t left = deadline_ms - worker->now_ms;

            return left < (uint64_t)most ? (int)left : most;
        }
        expire(all->first[phase]);
    }
    return most;
}

int connections_tick(struct worker *worker, int most)
{
    struct connections *all = &worker->connections;

    if (all->half_closed)
        tell_ends(all);
    acknowledge(all);
    for (int phase = 0; phase < N_CONNECTION_PHASES; phase++)
        most = tick_phase(worker, phase, most);
    while (all->buried) {
        struct connection *connection = all->buried;

        all->buried = connection->next;
        free(connection);
    }
    return sweep_lingers(worker, most);
}

void connections_close_idle(struct worker *worker)
{
    struct connections *all = &worker->connections;

    while (all->first[CONNECTION_IDLE])
        expire(all->first[CONNECTION_IDLE]);
    while (all->first[CONNECTION_NEW])
        expire(all->first[CONNECTION_NEW]);
}

bool connections_busy(const struct worker *worker)
{
    const struct connections *all = &worker->connections;

    return all->first[CONNECTION_BODY] || all->first[CONNECTION_UPLOAD] || all->first[CONNECTION_WORKING] ||
           all->first[CONNECTION_SENDING] || all->first[CONNECTION_DRIPPING];
}

void connections_stop(struct worker *worker)
{
    for (struct lingerer *linger = worker->connections.lingers; linger; linger = linger->next)
        linger_close(linger);
    sweep_lingers(worker, 0);
    connections_tick(worker, 0);
}
