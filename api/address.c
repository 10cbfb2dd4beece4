/* address.c — which addresses may be called. What is no globally reachable unicast address is forbidden; the tables are
 * those of the IANA's special-purpose registries. */
#include "address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

enum { MAPPED_BITS = 96, TEXT_SIZE = 64 };

static const unsigned char mapped_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static const struct {
    const char *address;
    unsigned length;
} special_v4[] =
    {
        {"0.0.0.0", 8},       /* this network */
        {"10.0.0.0", 8},      /* private */
        {"100.64.0.0", 10},   /* carrier-grade NAT */
        {"127.0.0.0", 8},     /* loopback */
        {"169.254.0.0", 16},  /* link-local; clouds keep their secrets there */
        {"172.16.0.0", 12},   /* private */
        {"192.0.0.0", 24},    /* protocol assignments */
        {"192.0.2.0", 24},    /* documentation */
        {"192.88.99.0", 24},  /* relays of 6to4 */
        {"192.168.0.0", 16},  /* private */
        {"198.18.0.0", 15},   /* benchmarks */
        {"198.51.100.0", 24}, /* documentation */
        {"203.0.113.0", 24},  /* documentation */
        {"224.0.0.0", 3},     /* multicast, reserved, broadcast */
},
  special_v6[] = {
      /* Of 2000::/3: nothing else is global unicast, so mapped, translated (64:ff9b::), unique-local, link-local … need
       * no row. What carries an IPv4 address inside would lead to it. */
      {"2001::", 23},     /* protocol assignments, Teredo among them */
      {"2001:db8::", 32}, /* documentation */
      {"2002::", 16},     /* 6to4 */
      {"3fff::", 20},     /* documentation */
};

static bool within(const unsigned char *address, const unsigned char *network, unsigned length)
{
    unsigned bytes = length / 8, bits = length % 8;

    if (memcmp(address, network, bytes) != 0)
        return false;
    return bits == 0 || (address[bytes] ^ network[bytes]) >> (8 - bits) == 0;
}

static void map(const struct in_addr *v4, unsigned char *ret_address)
{
    memcpy(ret_address, mapped_prefix, sizeof mapped_prefix);
    memcpy(ret_address + sizeof mapped_prefix, v4, sizeof *v4);
}

/* Numbers only, no name is looked up. The bits in front of an IPv4 address count as given. */
static int parse_address(const char *text, unsigned char *ret_address, unsigned *ret_bits)
{
    struct in_addr v4;

    *ret_bits = 128;
    if (inet_pton(AF_INET6, text, ret_address) == 1)
        return 0;
    if (inet_pton(AF_INET, text, &v4) != 1)
        return -EINVAL;
    map(&v4, ret_address);
    *ret_bits = 32;
    return 0;
}

static bool is_special(const unsigned char *address)
{
    static const unsigned char global_unicast[16] = {0x20};
    unsigned char network[16];
    unsigned bits;

    if (within(address, mapped_prefix, MAPPED_BITS)) {
        for (size_t i = 0; i < sizeof special_v4 / sizeof *special_v4; i++)
            if (parse_address(special_v4[i].address, network, &bits) ||
                within(address, network, MAPPED_BITS + special_v4[i].length))
                return true;
        return false;
    }
    if (!within(address, global_unicast, 3))
        return true;
    for (size_t i = 0; i < sizeof special_v6 / sizeof *special_v6; i++)
        if (parse_address(special_v6[i].address, network, &bits) || within(address, network, special_v6[i].length))
            return true;
    return false;
}

static enum address_kind kind_of(const struct address_rules *rules, const unsigned char *address)
{
    for (unsigned i = 0; i < rules->n_networks; i++)
        if (within(address, rules->networks[i].address, rules->networks[i].length))
            return ADDRESS_LISTED;
    return is_special(address) ? ADDRESS_FORBIDDEN : ADDRESS_PUBLIC;
}

enum address_kind address_kind_of(const struct address_rules *rules, const struct sockaddr *address)
{
    unsigned char bytes[16];

    if (address->sa_family == AF_INET)
        map(&((const struct sockaddr_in *)(const void *)address)->sin_addr, bytes);
    else if (address->sa_family == AF_INET6)
        memcpy(bytes, &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr, sizeof bytes);
    else
        return ADDRESS_FORBIDDEN;
    return kind_of(rules, bytes);
}

int address_kind_of_text(const struct address_rules *rules, const char *text)
{
    unsigned char bytes[16];
    unsigned bits;

    return parse_address(text, bytes, &bits) ? -EINVAL : (int)kind_of(rules, bytes);
}

static int parse_number(const char *text, unsigned most, unsigned *ret_number)
{
    char *end;
    unsigned long number = strtoul(text, &end, 10);

    if (end == text || *end || text[0] < '0' || text[0] > '9' || number > most)
        return -EINVAL;
    *ret_number = (unsigned)number;
    return 0;
}

static int parse_network(char *text, struct network *ret_network)
{
    char *slash = strchr(text, '/');
    unsigned bits, length;

    if (slash)
        *slash = '\0';
    if (parse_address(text, ret_network->address, &bits))
        return -EINVAL;
    length = bits;
    if (slash && parse_number(slash + 1, bits, &length))
        return -EINVAL;
    ret_network->length = 128 - bits + length;
    return 0;
}

static int parse_range(char *text, struct port_range *ret_range)
{
    char *hyphen = strchr(text, '-');
    unsigned first, last;

    if (hyphen)
        *hyphen = '\0';
    if (parse_number(text, UINT16_MAX, &first) || parse_number(hyphen ? hyphen + 1 : text, UINT16_MAX, &last))
        return -EINVAL;
    *ret_range = (struct port_range){.first = (uint16_t)first, .last = (uint16_t)last};
    return first && first <= last ? 0 : -EINVAL;
}

/* The next word of a list with commas between; blanks around it are nothing. False at the end, or when it is too long.
 */
static bool next_word(const char **rest, char *ret_word)
{
    size_t size;

    *rest += strspn(*rest, " ,");
    size = strcspn(*rest, ",");
    while (size && (*rest)[size - 1] == ' ')
        size--;
    if (!size || size >= TEXT_SIZE)
        return false;
    memcpy(ret_word, *rest, size);
    ret_word[size] = '\0';
    *rest += size;
    *rest += strspn(*rest, " ");
    return true;
}

int address_parse_networks(const char *text, struct address_rules *rules)
{
    char word[TEXT_SIZE];

    rules->n_networks = 0;
    while (next_word(&text, word)) {
        if (rules->n_networks == MAX_NETWORKS || parse_network(word, &rules->networks[rules->n_networks]))
            return -EINVAL;
        rules->n_networks++;
    }
    return *text ? -EINVAL : 0;
}

int address_parse_ports(const char *text, struct address_rules *rules)
{
    char word[TEXT_SIZE];

    rules->n_ports = 0;
    while (next_word(&text, word)) {
        if (rules->n_ports == MAX_PORT_RANGES || parse_range(word, &rules->ports[rules->n_ports]))
            return -EINVAL;
        rules->n_ports++;
    }
    return *text || !rules->n_ports ? -EINVAL : 0;
}

bool address_port_allowed(const struct address_rules *rules, unsigned port)
{
    for (unsigned i = 0; i < rules->n_ports; i++)
        if (port >= rules->ports[i].first && port <= rules->ports[i].last)
            return true;
    return false;
}
