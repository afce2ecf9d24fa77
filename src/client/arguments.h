/*
 * The command line of echoc.
 */
#ifndef ECHOD_CLIENT_ARGUMENTS_H
#define ECHOD_CLIENT_ARGUMENTS_H

#include "client/connect.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define ECHOC_DEFAULT_PORT "7777"

enum verbosity { VERBOSITY_QUIET, VERBOSITY_NORMAL, VERBOSITY_VERBOSE };
enum show { SHOW_NOTHING, SHOW_HELP, SHOW_VERSION };

/* The int members are what options set; all text belongs to the command line. */
struct arguments {
    struct target target;
    char *const *messages;
    size_t message_count; /* 0: standard input is sent */
    uint64_t timeout;     /* microseconds; 0 = none */
    int no_newline;
    int verify;
    int raw;
    int verbosity; /* enum verbosity */
    int show;      /* enum show; the other members may be incomplete where it is set */
};

/*
 * Reads the command line into ARGS; sorts ARGV so that options come first.
 * Returns 0, or -EINVAL after having said on stderr what is wrong.
 */
int arguments_parse(struct arguments *args, int argc, char **argv);

void arguments_print_help(FILE *to);
void arguments_print_version(FILE *to);

#endif
