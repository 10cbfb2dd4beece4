/* listen.h — listening sockets: made before any thread starts, so that a taken port is one clear sentence. */
#ifndef WHISTLED_LISTEN_H
#define WHISTLED_LISTEN_H

#include <stdbool.h>
#include <sys/socket.h>

struct listen_address {
    struct sockaddr_storage storage;
    socklen_t size;
};

/* "127.0.0.1:8080", "[::1]:8080", "*:8080"; numbers only, no name is looked up. 0 or -EINVAL. */
int listen_parse(const char *text, struct listen_address *ret_address);
bool listen_is_loopback(const struct listen_address *address);

/* `n` bound sockets that share the port by SO_REUSEPORT; not listening yet: listen_open does that. Returns 0, or -Exxx
 * with a sentence (malloc'ed) in reterr_text. The caller closes what is in ret_fds. */
int listen_bind(const char *text, unsigned n, int *ret_fds, char **reterr_text);
int listen_open(const int *fds, unsigned n);

#endif
