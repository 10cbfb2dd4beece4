/* request.h — one request from its first header to its last byte. Made at begin, freed at complete, never by hand. */
#ifndef WHISTLED_REQUEST_H
#define WHISTLED_REQUEST_H

#include <jansson.h>
#include <microhttpd.h>
#include <stdbool.h>
#include <stdint.h>

#include "arena.h"
#include "auth.h"
#include "contract.h"
#include "db.h"
#include "encode.h"
#include "validate.h"

struct worker;

enum { MAX_PATH_VALUES = 4, REQUEST_ID_SIZE = 64 };
enum language { LANG_ZH, LANG_EN };

struct reply {
    int status;
    const char *content_type;
    struct buffer body;
    struct MHD_Response *response; /* set instead of body by functions that stream or serve a file */
    const char *etag, *location, *link, *preference_applied, *allow, *www_authenticate;
    unsigned retry_after_s;
    bool replayed, close, ready;
};

struct request {
    struct arena *arena;
    struct worker *worker;
    struct MHD_Connection *connection;
    char id[REQUEST_ID_SIZE]; /* X-Request-Id: echoed or made */
    const char *traceparent;
    const struct operation *operation; /* NULL until routed */
    const struct actor *actor;         /* NULL on public operations */
    enum language lang;
    const char *path_values[MAX_PATH_VALUES];
    const char *method, *target;
    const char *const *query_names, *const *query_values; /* decoded, in order */
    size_t n_query;
    char *body; /* as received, NUL-terminated */
    size_t body_size;
    json_t *json;          /* parsed body, decref'ed at the end */
    const char *json_text; /* checked JSON, compact: @body */
    const char *new_id;    /* UUIDv7: @id */
    const char *now;       /* @now: NULL but under the tests' clock */
    unsigned limit;        /* of a list */
    unsigned wait_s;
    uint64_t begun_ms, deadline_ms;
    struct db_call call;
    bool suspended;
    struct faults faults;
    struct reply reply;
    void *state; /* of an operation's own function */
};

/* What an operation's own C function (x-handler) gets: validated, with token and role checked. It answers by filling
 * request->reply and calling request_finish, now or later (then it calls request_suspend first). */
void request_suspend(struct request *request);
void request_finish(struct request *request);
/* Refuses with a code of errors.def. */
void request_refuse(struct request *request, const char *code);
/* Runs one of the contract's statements by name with these text values; `done` in context of the worker's loop. */
void request_query(struct request *request, const char *statement, const char *const *values,
                   void (*done)(struct db_call *call));

#endif
