/* serve.h — the service from its start to its end. */
#ifndef WHISTLED_SERVE_H
#define WHISTLED_SERVE_H

#include "config.h"

/* Both return an exit status and have said what is wrong. */
int serve_main(const struct config *config);
/* Opens what the service would open, and says of each whether it is well. */
int serve_check(const struct config *config);

#endif
