/* webhook_url.c — a URL judged by the parser that will later follow it: two parsers would disagree somewhere. */
#include "webhook_url.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"

enum { HOST_SIZE = 256 };

/* An empty text when there is no such part. */
static void get_part(CURLU *url, CURLUPart part, unsigned flags, char *ret_text)
{
    char *text = NULL;

    ret_text[0] = '\0';
    if (curl_url_get(url, part, &text, flags) != CURLUE_OK)
        return;
    snprintf(ret_text, HOST_SIZE, "%s", text);
    curl_free(text);
}

static bool has_part(CURLU *url, CURLUPart part)
{
    char text[HOST_SIZE];

    get_part(url, part, 0, text);
    return text[0];
}

/* Letters, digits, hyphens, dots; an IPv6 address in its brackets. The rest would be somebody's cleverness. */
static bool is_plain(const char *host)
{
    size_t size = strlen(host);

    if (host[0] == '[')
        return size > 2 && strspn(host + 1, "0123456789abcdefABCDEF:.") == size - 2 && host[size - 1] == ']';
    return size && size < HOST_SIZE - 1 &&
           strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._") == size;
}

static bool host_allowed(const struct address_rules *rules, char *host, bool listed_only)
{
    int kind;

    if (!is_plain(host))
        return false;
    if (host[0] == '[') {
        host[strlen(host) - 1] = '\0';
        host++;
    }
    kind = address_kind_of_text(rules, host);
    /* A name: nobody knows yet, so plain http waits for what it will resolve to. */
    if (kind < 0)
        return !listed_only || rules->n_networks;
    return kind == ADDRESS_LISTED || (kind == ADDRESS_PUBLIC && !listed_only);
}

static bool parsed_allowed(const struct address_rules *rules, CURLU *url)
{
    char scheme[HOST_SIZE], host[HOST_SIZE], port[HOST_SIZE];
    bool https;

    get_part(url, CURLUPART_SCHEME, 0, scheme);
    get_part(url, CURLUPART_HOST, 0, host);
    get_part(url, CURLUPART_PORT, CURLU_DEFAULT_PORT, port);
    https = !strcmp(scheme, "https");
    if ((!https && strcmp(scheme, "http") != 0) || has_part(url, CURLUPART_FRAGMENT) || has_part(url, CURLUPART_USER) ||
        has_part(url, CURLUPART_PASSWORD) || has_part(url, CURLUPART_ZONEID))
        return false;
    if (!address_port_allowed(rules, (unsigned)strtoul(port, NULL, 10)))
        return false;
    return host_allowed(rules, host, /* listed_only= */ !https);
}

bool webhook_url_allowed(const struct address_rules *rules, const char *url)
{
    CURLU *parsed = curl_url();
    bool allowed = parsed && curl_url_set(parsed, CURLUPART_URL, url, CURLU_DISALLOW_USER) == CURLUE_OK &&
                   parsed_allowed(rules, parsed);

    curl_url_cleanup(parsed);
    return allowed;
}
