#include "client/echoc.h"

#include "base/exit.h"
#include "base/macros.h"
#include "client/command/common_options.h"
#include "client/io/diag.h"
#include "client/io/streams.h"
#include "client/verbs/verbs.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct verb *const verbs[] = {
    &verb_send, &verb_ping,  &verb_crr,  &verb_load,   &verb_hold,
    &verb_idle, &verb_sweep, &verb_path, &verb_whoami, &verb_daytime,
};

static const struct verb *verb_named(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
        if (strcmp(verbs[i]->name, name) == 0)
            return verbs[i];
    return NULL;
}

static void print_help(void)
{
    puts("Usage: echoc [OPTION]... HOST [PORT [MESSAGE]...]\n"
         "  or:  echoc VERB [OPTION]... HOST [PORT]\n"
         "\n"
         "PORT is a number or a service name [" ECHOC_DEFAULT_PORT "]. The verbs:");
    for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
        printf("  %-9s %s\n", verbs[i]->name, verbs[i]->summary);
    puts("The default verb is send. For help on a verb: echoc VERB --help.\n\n"
         "Options of all verbs:");
    options_print(common_option_rows, common_option_row_count, stdout);
}

/* Whether the command line only asks for help. */
static bool wants_help(int argc, char **argv)
{
    return argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0);
}

int echoc_main(int argc, char **argv)
{
    static char name[] = "echoc"; /* whatever argv[0] is */
    struct streams streams;
    const struct verb *verb = argc > 1 ? verb_named(argv[1]) : NULL;

    program_invocation_short_name = name;
    int failed = verb && verb != &verb_send ? VERB_UNABLE : EXIT_IOERR;
    int r = streams_open(&streams), status = EXIT_SUCCESS;
    if (r < 0) {
        diag_say("cannot set up the standard streams: %s", strerror(-r));
        status = failed;
    } else if (wants_help(argc, argv))
        print_help();
    else
        status = verb ? verb_run(verb, argc - 1, argv + 1) : verb_run(&verb_send, argc, argv);
    return streams_close(&streams, status, failed);
}
