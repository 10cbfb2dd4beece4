/* names.h — what is called how: the names of a street's areas, organisations, categories, staff and roles, kept by each
 * worker, so that a statement answers keys alone. A reply says by `_names` which edition it wants. */
#ifndef WHISTLED_NAMES_H
#define WHISTLED_NAMES_H

#include <libpq-fe.h>
#include <stddef.h>
#include <stdint.h>

struct names;
struct street; /* one edition of one street's names */

/* NULL when memory is out. */
struct names *names_new(void);
struct names *names_free(struct names *names);

/* What is known of the street; NULL when nothing. Good until the next names_take. */
const struct street *names_of(const struct names *names, const char *tenant);
int64_t street_edition(const struct street *street);
uint64_t street_learnt_ms(const struct street *street);

/* Takes in what system.names answered (kind, key, name) in place of what was known. 0 or -ENOMEM. */
int names_take(struct names *names, const char *tenant, int64_t edition, uint64_t now_ms, const PGresult *result);

/* kind: as in db/queries/system/names.sql. NULL when there is none; else NUL-terminated. */
const char *street_name(const struct street *street, char kind, const char *key, size_t size);

#endif
