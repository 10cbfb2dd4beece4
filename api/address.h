/* address.h — which addresses the service may call because somebody outside named them: public ones, and the networks
 * that the operator lists. */
#ifndef WHISTLED_ADDRESS_H
#define WHISTLED_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

enum { MAX_NETWORKS = 64, MAX_PORT_RANGES = 32 };

/* IPv4 as its mapped IPv6 address, so that both are compared in one way. */
struct network {
    unsigned char address[16];
    unsigned length; /* bits */
};

struct port_range {
    uint16_t first, last;
};

struct address_rules {
    struct network networks[MAX_NETWORKS];
    unsigned n_networks;
    struct port_range ports[MAX_PORT_RANGES];
    unsigned n_ports;
};

/* "10.0.0.0/8,fd00::/8,192.0.2.7"; nothing when empty. 0 or -EINVAL. */
int address_parse_networks(const char *text, struct address_rules *rules);
/* "443,8000-9000"; at least one. 0 or -EINVAL. */
int address_parse_ports(const char *text, struct address_rules *rules);

enum address_kind {
    ADDRESS_FORBIDDEN, /* private, loopback, link-local, multicast, reserved …, or of no internet family */
    ADDRESS_PUBLIC,
    ADDRESS_LISTED, /* the operator's word, whatever it is */
};
enum address_kind address_kind_of(const struct address_rules *rules, const struct sockaddr *address);
/* The same of an address as text; -EINVAL when it is none: a name. */
int address_kind_of_text(const struct address_rules *rules, const char *text);

bool address_port_allowed(const struct address_rules *rules, unsigned port);

#endif
