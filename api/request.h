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
#include "guard.h"
#include "validate.h"

struct worker;
struct connection;
struct waiter;
struct drip;

enum { MAX_PATH_VALUES = 4, REQUEST_ID_SIZE = 72 };
enum language { LANG_ZH, LANG_EN };

struct reply {
    int status;
    const char *code; /* of errors.def, when it is a problem */
    const char *content_type;
    struct buffer body;
    struct MHD_Response *response; /* set instead of body by functions that stream or serve a file */
    const char *etag, *location, *link, *preference_applied, *allow, *www_authenticate;
    unsigned retry_after_s;
    bool replayed, close, ready;
    bool cut; /* a stream that ends before its end */
};

struct request {
    struct arena *arena;
    struct worker *worker;
    struct MHD_Connection *connection;
    struct connection *peer;
    char id[REQUEST_ID_SIZE]; /* X-Request-Id: echoed or made */
    const char *traceparent;
    const struct operation *operation; /* NULL until routed */
    const struct actor *actor;         /* NULL on public operations */
    enum language lang;
    enum manner manner;          /* of the operation; where there is none, of its neighbours by path */
    const struct suffix *suffix; /* in what form the reply is asked for, where the path says so */
    bool xml;
    const char *path_values[MAX_PATH_VALUES];
    const char *method, *target;
    const char *const *query_names, *const *query_values; /* decoded, in order */
    size_t n_query;
    struct headers headers;
    struct framing framing;
    struct target parts; /* of the target */
    char *body;          /* as received, NUL-terminated */
    size_t body_size, body_capacity;
    json_t *json;          /* parsed body, decref'ed at the end */
    const char *json_text; /* checked JSON: @body */
    const char *new_id;    /* UUIDv7: @id */
    const char *now;       /* @now: NULL but under the tests' clock */
    const char *key;       /* Idempotency-Key without quotes; NULL when none */
    const char *cursor;    /* verified payload; NULL on page 1 */
    unsigned limit;        /* of a list */
    unsigned wait_s;
    uint64_t wait_until_ms; /* 0: its wait has not begun */
    struct arena_mark mark; /* of who may wait: what one statement needs comes behind it, and goes with the next */
    uint64_t begun_us, deadline_ms;
    struct db_call call;
    PGresult *kept;      /* rows that wait for names */
    bool named;          /* names were asked for: what has none now is shown by its key */
    bool begun;          /* the handler's first call was made */
    bool shed;           /* refused because there were too many */
    bool served;         /* the database has answered something of it */
    bool suspended;      /* the connection is out of libmicrohttpd's hands */
    bool handed_over;    /* its socket is another's: there is nothing to send here */
    const char *refusal; /* decided at the headers, answered once the body was read away */
    struct faults faults;
    struct reply reply;
    const char *note;                        /* for the log: what the database said */
    struct waiter *waiter;                   /* while it hangs under Prefer: wait */
    struct drip *drip;                       /* a reply in parts */
    void *state;                             /* of an operation's own function */
    const char *secret_hash, *key_hash;      /* bytea, of what such a function has made */
    void (*opened)(struct request *request); /* once its gate is: see gate.h */

    /* x-raw-body: the operation's function is called when admit() and the header checks have passed, before any byte of
     * the body, and sets these (or refuses). Then each piece comes as it arrives; a result below 0 means that the
     * function has refused and the rest is read away. body_end is called once all are there and answers, now or later.
     */
    int (*body_chunk)(struct request *request, const char *data, size_t size);
    void (*body_end)(struct request *request);
    void (*release)(struct request *request); /* in any case, from request_free: the state goes */
};

/* From the URI callback: a request whose headers are not there yet. NULL when memory is out. */
struct request *request_new(struct worker *worker, struct MHD_Connection *connection, const char *target);
struct request *request_free(struct request *request);

/* What an operation's own C function (x-handler) gets: validated, with token and role checked. It answers by filling
 * request->reply and calling request_finish, now or later (then it calls request_suspend first). */
void request_suspend(struct request *request);
void request_finish(struct request *request);
/* Refuses with a code of errors.def. */
void request_refuse(struct request *request, const char *code);
/* The same with members of one's own: a JSON object's text. */
void request_refuse_with(struct request *request, const char *code, const char *detail);
/* Runs one of the contract's statements by name; `done` in context of the worker's loop, with call->context the
 * request. `values` are the statement's arguments in order, as text; NULL: bound from the request by the contract, as
 * for its own statement. The result is cleared by the next query and at the end of the request. */
void request_query(struct request *request, const char *statement, const char *const *values,
                   void (*done)(struct db_call *call));
/* The same for a statement at hand and values that outlive the call. */
void request_submit_values(struct request *request, const struct statement *statement, const char *const *values,
                           void (*done)(struct db_call *call));
/* The same with values bound by the contract. Returns 0, or -ENOMEM (then nothing was queued). */
int request_submit(struct request *request, const struct statement *statement, void (*done)(struct db_call *call));

/* Turns what is not DB_OK into the problem that the client gets, or only into its code. */
const char *request_outcome_code(enum db_outcome outcome);
void request_refuse_outcome(struct request *request, const struct db_call *call);
/* Answers with a body of one's own; the text is copied. */
void request_answer(struct request *request, int status, const char *content_type, const char *body, size_t size);

#endif
