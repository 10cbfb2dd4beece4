/* startup.h — what is asked of the database once, before any worker runs: the only blocking queries of the service. */
#ifndef WHISTLED_STARTUP_H
#define WHISTLED_STARTUP_H

#include "service.h"

struct offers;

/* The service's own schema is there, and it gave the key that seals cursors and what the machines offer (offers_free).
 * 0; -EAGAIN when the database is away or not migrated yet; -EINVAL when trying again will not help. A sentence
 * (malloc'ed) in reterr_text. */
int startup_ask(const struct config *config, const char *search_path, unsigned char ret_cursor_key[CURSOR_KEY_SIZE],
                struct offers **ret_offers, char **reterr_text);

/* `api_<checksum>, whistled, public`; malloc'ed. */
char *startup_search_path(void);

#endif
