/* embedded.h — the SQL files that the build put into the program. */
#ifndef WHISTLED_EMBEDDED_H
#define WHISTLED_EMBEDDED_H

#include <stddef.h>

struct embedded_file {
    const char *name; /* 0001_base.sql, transitions/case.sql */
    const char *text;
    const char *sha256; /* hex */
};

/* In the order in which they run. */
extern const struct embedded_file embedded_migrations[];
extern const size_t n_embedded_migrations;
extern const struct embedded_file embedded_procedures[];
extern const size_t n_embedded_procedures;

#endif
