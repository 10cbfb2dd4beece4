/* reply.h — a filled reply becomes a response: the one place that writes headers. */
#ifndef WHISTLED_REPLY_H
#define WHISTLED_REPLY_H

#include "request.h"

/* Only inside libmicrohttpd's handler, once. */
enum MHD_Result reply_send(struct request *request);

/* Writes a refusal straight to the socket and says that the connection ends, where libmicrohttpd takes no reply any
 * more. */
void reply_send_raw(struct request *request, int fd);

/* Status line and headers of a reply whose body has no end that is known. */
void reply_head(struct request *request, struct buffer *out);

#endif
