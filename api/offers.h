/* offers.h — what the machines offer in each state, read from their tables at start: bits become allowed_actions. */
#ifndef WHISTLED_OFFERS_H
#define WHISTLED_OFFERS_H

#include <libpq-fe.h>
#include <stdint.h>

#include "encode.h"

struct offers;

/* From what system.offers answered, in binary. NULL when memory is out. */
struct offers *offers_new(const PGresult *result);
struct offers *offers_free(struct offers *offers);

/* Writes the array of actions that the state offers to these bits; a state without offers has none. */
void offers_write(const struct offers *offers, const char *machine, const char *state, int64_t bits,
                  struct buffer *out);

#endif
