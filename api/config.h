/* config.h — every setting of the service: environment WHISTLED_X or flag --x, one table of defaults. */
#ifndef WHISTLED_CONFIG_H
#define WHISTLED_CONFIG_H

#include <stdbool.h>
#include <stdio.h>

/* Texts point into the environment, the arguments or the table of defaults; nothing is freed. An empty text is unset.
 */
struct config {
    const char *listen, *metrics_listen;
    const char *database_url, *migrate_url, *service_role;
    unsigned workers, read_connections, write_connections, queue_limit, queue_wait_ms, group_limit;
    unsigned request_timeout_ms, header_timeout_ms, body_timeout_ms, upload_timeout_ms, drain_timeout_ms;
    unsigned max_connections, idle_timeout_s, max_waiters, max_streams, stream_retry_ms;
    const char *zone;
    const char *key_dir, *jwks_file, *issuer, *audience;
    const char *claim_tenant, *claim_roles, *claim_org, *claim_areas;
    unsigned leeway_s;
    const char *attachments_dir, *docs_dir, *cors_origins;
    unsigned citizen_rate, citizen_streams, client_rate, public_rate, failure_burst;
    unsigned client_token_s;
    const char *webhook_allow, *webhook_ports, *webhook_ca_file;
    unsigned webhook_timeout_ms, webhook_parallel;
    const char *signing_kid;
    const char *public_url, *open311_tenant, *open311_contact;
    const char *log_level;
    bool test_clock;
};

/* Reads defaults, then the environment, then flags. Flags it knows are taken out of argv (and *argc lowered); all
 * others stay for the caller. Returns 0, or -EINVAL with a sentence (malloc'ed) in reterr_text. */
int config_load(int *argc, char **argv, struct config *ret_config, char **reterr_text);

/* What no single value can say: loopback under the tests' clock, one log level out of four. As above. */
int config_check(const struct config *config, char **reterr_text);

/* One `name = value` line each; passwords masked. */
void config_print(const struct config *config, FILE *out);
/* The table as help text. */
void config_help(FILE *out);

#endif
