/* manners.h — refusals as RFC 6749 (5.2) and Open311 GeoReport v2 want them, for the operations that keep their habits.
 */
#ifndef WHISTLED_MANNERS_H
#define WHISTLED_MANNERS_H

#include "request.h"

/* The status that a refusal has there: GeoReport v2 knows 403, 404 and, for nearly all else, 400. */
int manners_status(enum manner manner, int status);
/* Fills the body and its type; not for MANNER_OWN. `pointer` is the field meant, or NULL: then the collected faults. */
void manners_fill(struct request *request, const struct error_entry *entry, const char *pointer);

#endif
