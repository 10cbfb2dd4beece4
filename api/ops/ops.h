/* ops.h — the operations that a statement cannot do; the contract names them in x-handler. */
#ifndef WHISTLED_OPS_H
#define WHISTLED_OPS_H

struct request;

void op_livez(struct request *request);
void op_readyz(struct request *request);
void op_openapi(struct request *request);
void op_docs(struct request *request);
void attachments_create(struct request *request);
void attachments_get(struct request *request);
void tickets_batch(struct request *request);
void events_stream(struct request *request);

#endif
