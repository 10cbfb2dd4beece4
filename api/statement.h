/* statement.h — `whistled statement <name>`: an embedded statement as PREPARE, to be tried in psql. */
#ifndef WHISTLED_STATEMENT_H
#define WHISTLED_STATEMENT_H

/* `argv` behind the sub-command's name. An exit status. */
int statement_main(int argc, char **argv);

#endif
