#include "base/exit.h"
#include "config.h"

#include "forkserver/forkserver.h"

#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

static int print(const char *text)
{
    return puts(text) < 0 || fflush(stdout) != 0 ? EXIT_IOERR : 0;
}

/* Explains to a user who starts this program by hand that only echod can. */
static int explain(const char *argument)
{
    if (argument && strcmp(argument, "--version") == 0)
        return print("echod-forkserver " PACKAGE_VERSION);
    if (argument && strcmp(argument, "--help") == 0)
        return print(
            "Usage: echod-forkserver\n\n"
            "Forks a worker for each client of echod(8). echod starts this program; do not\n"
            "run it by hand.");
    fputs("echod-forkserver: echod starts this program; do not run it by hand\n", stderr);
    return EXIT_USAGE;
}

int main(int argc, char **argv)
{
    static struct title title;
    int type = 0;
    socklen_t len = sizeof(type);

    if (getsockopt(FORKSERVER_CHANNEL, SOL_SOCKET, SO_TYPE, &type, &len) < 0 ||
        type != SOCK_SEQPACKET || (argc > 1 && argv[1][0] == '-'))
        return explain(argc > 1 ? argv[1] : NULL);
    title_init(&title, argc, argv);
    title_set(&title, "echod: fork server");
    prctl(PR_SET_NAME, "echod-forkserv");
    /* _exit(2), because a leak checker would run at exit(3) and cannot work in the sandbox. */
    _exit(forkserver_run(FORKSERVER_CHANNEL, &title));
}
