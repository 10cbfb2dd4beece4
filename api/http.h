/* http.h — what libmicrohttpd calls: a request begins, its body comes in pieces, its reply goes out, it ends. */
#ifndef WHISTLED_HTTP_H
#define WHISTLED_HTTP_H

#include <microhttpd.h>
#include <stdarg.h>

/* For each of them `cls` is the worker. */
void *http_begin(void *cls, const char *target, struct MHD_Connection *connection);
enum MHD_Result http_handle(void *cls, struct MHD_Connection *connection, const char *url, const char *method,
                            const char *version, const char *upload, size_t *upload_size, void **request);
void http_complete(void *cls, struct MHD_Connection *connection, void **request, enum MHD_RequestTerminationCode code);
/* libmicrohttpd's own complaints. They are not logged; but a Content-Length that it refuses, it refuses with two heads
 * in one reply, so ours goes out before it. */
void http_log(void *cls, const char *format, va_list arguments);
/* Leaves escapes alone: guard.c decodes, and %00 cuts nothing off. */
size_t http_unescape(void *cls, struct MHD_Connection *connection, char *text);

#endif
