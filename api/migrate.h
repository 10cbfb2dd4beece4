/* migrate.h — `whistled migrate`: brings a database to this build. */
#ifndef WHISTLED_MIGRATE_H
#define WHISTLED_MIGRATE_H

#include "config.h"

/* `argv` behind the sub-command's name. An exit status; what is wrong was said on standard error. */
int migrate_main(int argc, char **argv, const struct config *config);

#endif
