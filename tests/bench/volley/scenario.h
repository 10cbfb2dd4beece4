/* scenario.h — what the virtual users do: a text file of steps, compiled into templates. */
#ifndef SCENARIO_H
#define SCENARIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum { MAX_STEPS = 32, MAX_TAKES = 4, MAX_VARIABLES = 24, VARIABLE_SIZE = 448, N_FIXED = 10 };

/* ${n} counts iterations; ${1} … ${9} are the columns of the iteration's row; all others are taken from replies. */
enum { VARIABLE_COUNT = 0 };

/* Literal text, then a variable (-1: none). */
struct piece {
    const char *text;
    size_t size;
    int variable;
};

struct template
{
    struct piece *pieces;
    size_t n;
};

/* A part of a reply that later steps send: a header's value, or what stands between `prefix` and the next quote. */
struct take {
    int variable;
    bool header;
    char *prefix;
};

struct step {
    char *name;
    int expected;         /* status; 0: none in particular, all are counted */
    struct template head; /* request line and headers, without the empty line */
    struct template body;
    bool has_body;
    struct take takes[MAX_TAKES];
    size_t n_takes;
};

struct scenario {
    struct step steps[MAX_STEPS];
    size_t n_steps;
    char *names[MAX_VARIABLES];
    size_t n_variables;
    char **rows; /* lines, columns by tabs */
    size_t n_rows;
};

/* Both end the program with a sentence when the file is wrong. */
void scenario_read(struct scenario *scenario, const char *path, const char *authority);
void scenario_read_rows(struct scenario *scenario, const char *path);

/* The size written, or 0 when it does not fit. */
size_t template_fill(const struct template *template, char values[][VARIABLE_SIZE], char *out, size_t size);

#endif
