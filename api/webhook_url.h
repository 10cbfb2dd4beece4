/* webhook_url.h — whether somebody may subscribe an address at all. What its name resolves to is judged when it is
 * called. */
#ifndef WHISTLED_WEBHOOK_URL_H
#define WHISTLED_WEBHOOK_URL_H

#include <stdbool.h>

#include "address.h"

/* As libcurl will read it: https, or http where the operator lists networks; a port that is allowed; no user name, no
 * fragment; an address in numbers, however it is written, must be one that may be called. */
bool webhook_url_allowed(const struct address_rules *rules, const char *url);

#endif
