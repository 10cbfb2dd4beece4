/* webhook_delivery.h — messages that were claimed: in memory from the claim until what became of them is written down.
 */
#ifndef WHISTLED_WEBHOOK_DELIVERY_H
#define WHISTLED_WEBHOOK_DELIVERY_H

#include <libpq-fe.h>

#include "arena.h"
#include "sender.h"

struct delivery {
    struct sending sending; /* must come first: the sender hands it back */
    struct arena *arena;    /* holds the delivery itself */
    const char *tenant, *webhook_id, *attempt;
    struct delivery *previous, *next;
};

struct deliveries {
    struct delivery *first;
    unsigned n;
};

void deliveries_add(struct deliveries *list, struct delivery *delivery);
void deliveries_remove(struct deliveries *list, struct delivery *delivery);
void deliveries_free(struct deliveries *list);

/* A row of webhook_claim; NULL when memory is out. deliveries_free frees it. */
struct delivery *delivery_new(const PGresult *result, int row);
/* What became of them, as type webhook_outcome reads it. NULL when memory is out; else the caller frees it. */
char *deliveries_outcomes(const struct deliveries *ended);
/* Two array literals, of their tenants and of their ids. 0 or -ENOMEM. */
int deliveries_names(const struct deliveries *const *lists, unsigned n_lists, struct arena *arena,
                     const char **ret_tenants, const char **ret_ids);

#endif
