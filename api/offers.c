/* offers.c — actions by machine and state, in the tables' order. */
#include "offers.h"

#include <stdlib.h>
#include <string.h>

struct offer {
    const char *machine, *state, *action;
    int64_t bits, needs;
};

/* Sorted by machine and state, as the statement answers them. */
struct offers {
    PGresult *result; /* holds the texts */
    size_t n;
    struct offer rows[];
};

enum { MACHINE, STATE, ACTION, BITS, NEEDS };

static int64_t number_at(const PGresult *result, int row, int column)
{
    const unsigned char *bytes = (const unsigned char *)PQgetvalue(result, row, column);
    uint64_t value = 0;

    for (int i = 0; i < PQgetlength(result, row, column); i++)
        value = value << 8 | bytes[i];
    return (int64_t)value;
}

struct offers *offers_new(const PGresult *result)
{
    size_t n = (size_t)PQntuples(result);
    struct offers *offers = calloc(1, sizeof *offers + n * sizeof offers->rows[0]);

    if (!offers)
        return NULL;
    offers->n = n;
    offers->result = PQcopyResult(result, PG_COPYRES_TUPLES);
    if (!offers->result)
        return offers_free(offers);
    for (size_t i = 0; i < n; i++)
        offers->rows[i] = (struct offer){
            .machine = PQgetvalue(offers->result, (int)i, MACHINE),
            .state = PQgetvalue(offers->result, (int)i, STATE),
            .action = PQgetvalue(offers->result, (int)i, ACTION),
            .bits = number_at(offers->result, (int)i, BITS),
            .needs = number_at(offers->result, (int)i, NEEDS),
        };
    return offers;
}

struct offers *offers_free(struct offers *offers)
{
    if (!offers)
        return NULL;
    PQclear(offers->result);
    free(offers);
    return NULL;
}

static int compare(const struct offer *offer, const char *machine, const char *state)
{
    int order = strcmp(offer->machine, machine);

    return order ? order : strcmp(offer->state, state);
}

/* The first that is not before; n when all are. */
static size_t first_of(const struct offers *offers, const char *machine, const char *state)
{
    size_t low = 0, high = offers->n;

    while (low < high) {
        size_t middle = (low + high) / 2;

        if (compare(&offers->rows[middle], machine, state) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void offers_write(const struct offers *offers, const char *machine, const char *state, int64_t bits, struct buffer *out)
{
    bool first = true;

    buffer_add(out, "[", 1);
    for (size_t i = first_of(offers, machine, state); i < offers->n && !compare(&offers->rows[i], machine, state);
         i++) {
        const struct offer *offer = &offers->rows[i];

        if (!(offer->bits & bits) || (offer->needs & bits) != offer->needs)
            continue;
        buffer_add(out, ",", first ? 0 : 1);
        buffer_add_json_string(out, offer->action, strlen(offer->action));
        first = false;
    }
    buffer_add(out, "]", 1);
}
