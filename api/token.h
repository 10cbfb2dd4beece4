/* token.h — `whistled token mint|inspect`: tokens for operators, and what the service thinks of one. */
#ifndef WHISTLED_TOKEN_H
#define WHISTLED_TOKEN_H

#include "config.h"

/* argv[0] is `mint` or `inspect`. Returns the exit status: 0, 1 when it cannot or the token would be refused, 2 when
 * misused. */
int token_main(int argc, char **argv, const struct config *config);

/* Of token_mint.c and token_inspect.c; argv begins behind the word. */
int token_mint(int argc, char **argv, const struct config *config);
int token_inspect(int argc, char **argv, const struct config *config);

#endif
