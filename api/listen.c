/* listen.c — listening sockets, all bound before any thread starts. */
#include "listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BACKLOG = 4096 };

static int resolve(const char *host, const char *port, struct listen_address *ret_address)
{
    const struct addrinfo hints = {
        .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
        .ai_socktype = SOCK_STREAM,
    };
    struct addrinfo *found = NULL;

    if (getaddrinfo(host, port, &hints, &found) != 0 || !found)
        return -EINVAL;
    memcpy(&ret_address->storage, found->ai_addr, found->ai_addrlen);
    ret_address->size = found->ai_addrlen;
    freeaddrinfo(found);
    return 0;
}

int listen_parse(const char *text, struct listen_address *ret_address)
{
    const char *colon = strrchr(text, ':');
    char host[64] = "";
    size_t size = colon ? (size_t)(colon - text) : 0;

    *ret_address = (struct listen_address){.size = 0};
    if (!colon || !colon[1] || size >= sizeof host)
        return -EINVAL;
    if (size >= 2 && text[0] == '[' && colon[-1] == ']')
        memcpy(host, text + 1, size - 2);
    else if (memchr(text, ':', size))
        return -EINVAL;
    else
        memcpy(host, text, size);
    if (!strcmp(host, "*") || !host[0])
        memcpy(host, "0.0.0.0", sizeof "0.0.0.0");
    return resolve(host, colon + 1, ret_address);
}

bool listen_is_loopback(const struct listen_address *address)
{
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)&address->storage;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&address->storage;

    if (address->storage.ss_family == AF_INET)
        return (ntohl(v4->sin_addr.s_addr) >> 24) == 127;
    return address->storage.ss_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
}

static int bind_one(const struct listen_address *address, bool share, int *ret_fd)
{
    const int on = 1;
    int fd = socket(address->storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int r = 0;

    if (fd < 0)
        return -errno;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
        (share && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) < 0) ||
        bind(fd, (const struct sockaddr *)&address->storage, address->size) < 0)
        r = -errno;
    /* Accepted sockets inherit it: small replies must not wait for an acknowledgement. */
    if (!r)
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (r)
        close(fd);
    else
        *ret_fd = fd;
    return r;
}

/* SO_REUSEPORT would share the port silently with a second instance of the same user; a socket without it would not. */
static int probe(const struct listen_address *address)
{
    int fd, r = bind_one(address, /* share= */ false, &fd);

    if (!r)
        close(fd);
    return r;
}

static int refuse(const char *text, int r, char **reterr_text)
{
    const char *format = r == -EADDRINUSE ? "%s is taken: another program, or another whistled, listens there."
                         : r == -EACCES   ? "%s needs more rights than this user has: take a port above 1023."
                                          : "Cannot listen on %s: %s.";

    if (asprintf(reterr_text, format, text, strerror(-r)) < 0)
        *reterr_text = NULL;
    return r;
}

int listen_bind(const char *text, unsigned n, int *ret_fds, char **reterr_text)
{
    struct listen_address address;
    int r = listen_parse(text, &address);

    if (!r)
        r = probe(&address);
    for (unsigned i = 0; i < n && !r; i++) {
        r = bind_one(&address, /* share= */ n > 1, &ret_fds[i]);
        while (r && i > 0)
            close(ret_fds[--i]);
        if (r)
            break;
    }
    return r ? refuse(text, r, reterr_text) : 0;
}

int listen_open(const int *fds, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        if (listen(fds[i], BACKLOG) < 0)
            return -errno;
    return 0;
}
