#include "client/client.h"

#include "base/exit.h"
#include "client/report.h"
#include "client/streams.h"
#include "client/verb.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Whether all that is asked for is what verbs there are. */
static bool asks_for_help(int argc, char **argv)
{
    return argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0);
}

int client_main(int argc, char **argv)
{
    static char name[] = "echoc"; /* whatever it is called by */
    struct streams streams;
    const struct verb *verb = argc > 1 ? verb_named(argv[1]) : NULL;

    program_invocation_short_name = name;
    int failed = verb && verb != &verb_send ? VERB_UNABLE : EXIT_IOERR;
    int r = streams_open(&streams), status = EXIT_SUCCESS;
    if (r < 0) {
        report_say("cannot set up the standard streams: %s", strerror(-r));
        status = failed;
    } else if (asks_for_help(argc, argv))
        verbs_print_help();
    else
        status = verb ? verb_run(verb, argc - 1, argv + 1) : verb_run(&verb_send, argc, argv);
    return streams_close(&streams, status, failed);
}
