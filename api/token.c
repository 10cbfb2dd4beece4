/* token.c — `whistled token`: which of the two is wanted. */
#include "token.h"

#include <stdio.h>
#include <string.h>

static int help(FILE *out, int status)
{
    fputs("whistled token mint --sub SUBJECT --tenant TENANT --role ROLE [--role ROLE …]\n"
          "                    [--org ORGANISATION] [--area AREA …] [--ttl 8h] [--kid KID]\n"
          "    prints a token, signed with a key of key_dir, for the configured issuer and audience.\n"
          "    --org and --area narrow it; --ttl is a number with s, m, h or d behind it, at most 366d.\n\n"
          "whistled token inspect TOKEN\n"
          "whistled token inspect -\n"
          "    says claim by claim and check by check whether the service would take it (exit status 0).\n"
          "    With `-` the token is read from standard input, where no list of processes shows it.\n",
          out);
    return status;
}

int token_main(int argc, char **argv, const struct config *config)
{
    const char *word = argc ? argv[0] : "";

    for (int i = 0; i < argc; i++)
        if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h"))
            return help(stdout, 0);
    if (!strcmp(word, "mint"))
        return token_mint(argc - 1, argv + 1, config);
    if (!strcmp(word, "inspect"))
        return token_inspect(argc - 1, argv + 1, config);
    return help(stderr, 2);
}
