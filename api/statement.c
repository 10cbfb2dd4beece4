/* statement.c — `whistled statement <name>`: an embedded statement as PREPARE, to be tried in psql. */
#include "statement.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "contract.h"

static const char *type_name(uint32_t oid)
{
    static const struct {
        uint32_t oid;
        const char *name;
    } types[] = {
        {16, "boolean"},
        {20, "bigint"},
        {23, "integer"},
        {25, "text"},
        {701, "double precision"},
        {1009, "text[]"},
        {1016, "bigint[]"},
        {1022, "double precision[]"},
        {1082, "date"},
        {1184, "timestamptz"},
        {2950, "uuid"},
        {2951, "uuid[]"},
        {3802, "jsonb"},
    };

    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (types[i].oid == oid)
            return types[i].name;
    return "unknown";
}

static void print_statement(const struct statement *statement)
{
    for (size_t i = 0; i < statement->n_arguments; i++)
        printf("-- $%zu %s %s\n", i + 1, statement->argument_names[i], type_name(statement->argument_types[i]));
    printf("PREPARE \"%s\"", statement->name);
    for (size_t i = 0; i < statement->n_arguments; i++)
        printf("%s%s", i ? ", " : " (", type_name(statement->argument_types[i]));
    printf("%s AS\n%s;\n", statement->n_arguments ? ")" : "", statement->sql);
}

int statement_main(int argc, char **argv)
{
    if (argc > 1) {
        fprintf(stderr, "whistled: statement takes one name.\n");
        return 2;
    }
    for (size_t i = 0; i < contract.n_statements; i++) {
        const struct statement *statement = &contract.statements[i];

        if (!argc) {
            printf("%s\n", statement->name);
        } else if (!strcmp(statement->name, argv[0])) {
            print_statement(statement);
            return EXIT_SUCCESS;
        }
    }
    if (argc)
        fprintf(stderr, "whistled: there is no statement %s; `whistled statement` lists them.\n", argv[0]);
    return argc ? EXIT_FAILURE : EXIT_SUCCESS;
}
