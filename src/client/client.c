#include "client/client.h"

#include "base/util.h"
#include "client/verb.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>

/* Whether all that is asked for is what verbs there are. */
static bool asks_for_help(int argc, char **argv)
{
    return argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0);
}

int client_main(int argc, char **argv)
{
    static char name[] = "echoc"; /* whatever it is called by */
    const struct verb *verb = argc > 1 ? verb_named(argv[1]) : NULL;

    program_invocation_short_name = name;
    fd_ensure_standard();
    signal(SIGPIPE, SIG_IGN);
    if (asks_for_help(argc, argv))
        return verbs_print_help();
    if (verb)
        return verb_run(verb, argc - 1, argv + 1);
    return verb_run(&verb_send, argc, argv);
}
