/* ops.h — the operations that a statement cannot do; the contract names them in x-handler. */
#ifndef WHISTLED_OPS_H
#define WHISTLED_OPS_H

#include <stdbool.h>

struct request;
struct worker;

void op_livez(struct request *request);
void op_readyz(struct request *request);
void op_openapi(struct request *request);
void op_docs(struct request *request);
void attachments_create(struct request *request);
void attachments_get(struct request *request);
void tickets_batch(struct request *request);
void events_stream(struct request *request);
void webhooks_create(struct request *request);
void webhooks_edit(struct request *request);
void clients_credential(struct request *request);
void oauth_token(struct request *request);

/* What x-export names: all rows that match, in parts. */
void exports_run(struct request *request);
/* Whether the client takes one of the forms there are. */
bool exports_accepted(const struct request *request);
/* Before the worker's database goes: who sleeps for a part is woken, and cut. */
void exports_stop(struct worker *worker);

#endif
