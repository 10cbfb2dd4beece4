/* main.c — the program's front door: settings, sub-commands, help. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "contract.h"
#include "log.h"
#include "migrate.h"
#include "serve.h"
#include "statement.h"
#include "token.h"

static void help(void)
{
    printf("whistled %s: a street's cases, from the whistle to the rating, as an HTTP API.\n\n"
           "  whistled [serve]            serve the API\n"
           "  whistled migrate            bring the database to this build (migrate_url)\n"
           "  whistled token mint|inspect make or read a token\n"
           "  whistled statement [name]   print an operation's SQL for psql; without a name, all names\n"
           "  whistled --check-config     print the settings, try keys and database\n"
           "  whistled --version, --help\n\n"
           "Settings, as flag or in the environment (default):\n",
           contract.version);
    config_help(stdout);
}

static int misused(const char *argument)
{
    fprintf(stderr, "whistled: %s is not understood; `whistled --help` says what is.\n", argument);
    return 2;
}

static int fail(char *text)
{
    fprintf(stderr, "whistled: %s\n", text ? text : "memory is out");
    free(text);
    return EXIT_FAILURE;
}

static int serve_or_check(int argc, char **argv, const struct config *config)
{
    bool check = argc > 0 && !strcmp(argv[0], "--check-config");
    char *text = NULL;

    if (argc > (check ? 1 : 0))
        return misused(argv[check ? 1 : 0]);
    if (config_check(config, &text))
        return fail(text);
    log_set_level((enum log_level)log_level_parse(config->log_level));
    return check ? serve_check(config) : serve_main(config);
}

/* `argv` from the sub-command on; the settings are already taken out of it. */
static int dispatch(int argc, char **argv, const struct config *config)
{
    const char *command = argc ? argv[0] : "serve";

    if (!strcmp(command, "serve"))
        return serve_or_check(argc ? argc - 1 : 0, argc ? argv + 1 : argv, config);
    if (!strcmp(command, "--check-config"))
        return serve_or_check(argc, argv, config);
    if (!strcmp(command, "migrate"))
        return migrate_main(argc - 1, argv + 1, config);
    if (!strcmp(command, "token"))
        return token_main(argc - 1, argv + 1, config);
    if (!strcmp(command, "statement"))
        return statement_main(argc - 1, argv + 1);
    if (!strcmp(command, "--version")) {
        printf("whistled %s (procedures %s)\n", contract.version, contract.procedures_checksum);
        return EXIT_SUCCESS;
    }
    if (!strcmp(command, "--help") || !strcmp(command, "-h") || !strcmp(command, "help")) {
        help();
        return EXIT_SUCCESS;
    }
    return misused(command);
}

int main(int argc, char **argv)
{
    struct config config;
    char *text = NULL;

    if (config_load(&argc, argv, &config, &text))
        return fail(text);
    return dispatch(argc - 1, argv + 1, &config);
}
