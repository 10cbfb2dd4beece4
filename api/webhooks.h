/* webhooks.h — the thread that makes messages from the feed and has them sent. Every instance has it; a lease in the
 * database decides which of them works. */
#ifndef WHISTLED_WEBHOOKS_H
#define WHISTLED_WEBHOOKS_H

#include "address.h"
#include "webhook_metrics.h"

struct webhooks;

struct webhooks_settings {
    const char *url, *search_path, *zone; /* of the database session */
    const struct address_rules *rules;
    const char *ca_file;
    unsigned timeout_ms, parallel; /* parallel 0: this instance sends nothing */
    struct webhook_metrics *metrics;
};

/* Starts the thread; it connects by itself and again whenever it must. 0 or -Exxx. */
int webhooks_start(const struct webhooks_settings *settings, struct webhooks **ret_webhooks);
/* What is on its way has a few seconds. Accepts NULL; returns NULL. */
struct webhooks *webhooks_stop(struct webhooks *webhooks);

#endif
