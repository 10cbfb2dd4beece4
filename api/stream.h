/* stream.h — Server-Sent Events: sockets that libmicrohttpd has given up, written to as the feed grows. */
#ifndef WHISTLED_STREAM_H
#define WHISTLED_STREAM_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

#include "cursor.h"

struct request;
struct streams;
struct worker;

/* Of one worker, at most `limit` of them. NULL when memory is out. */
struct streams *streams_new(struct worker *worker, unsigned limit);
/* Ends what still runs. */
struct streams *streams_free(struct streams *streams);

bool streams_full(const struct streams *streams);
unsigned streams_of(const struct streams *streams, const char *tenant, const char *subject);
unsigned streams_count(const struct streams *streams);

/* Takes the request's socket and answers on it from now on; finishes the request. `begun` is what events.begin
 * answered. Returns 0, or -Exxx with nothing done. */
int stream_open(struct request *request, const PGresult *begun);

/* What the ids of events are sealed with: good for everybody of the tenant, so that one text serves all. */
struct cursor_scope stream_scope(const struct worker *worker, const char *tenant);

/* Once a turn: reads what is due, writes what was read, beats, ends. Returns milliseconds to the next thing to do, at
 * most `most`. */
int streams_turn(struct streams *streams, uint64_t now_ms, int most);
void streams_end_all(struct streams *streams);

#endif
