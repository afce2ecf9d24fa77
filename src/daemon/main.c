#include "base/exit.h"
#include "config.h"

#include "config/options.h"
#include "config/settings.h"
#include "daemon/configuration.h"
#include "daemon/run.h"

#include <signal.h>
#include <stdio.h>

static int print_version(void)
{
    puts("echod " PACKAGE_VERSION);
    return 0;
}

/* Output that could not be written, for example to a full disk, is an error. */
static int finish_printing(int status)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return status;
    perror("echod: cannot write standard output");
    return EXIT_IOERR;
}

static int print(const struct command *command)
{
    switch (command->action) {
    case ACTION_HELP:
        command_line_help();
        return 0;
    case ACTION_VERSION:
        return print_version();
    case ACTION_LIST:
        option_list(stdout);
        return 0;
    case ACTION_CHECK:
        return configuration_check(command);
    case ACTION_DUMP:
        return configuration_dump(command);
    default:
        return EXIT_USAGE;
    }
}

int main(int argc, char **argv)
{
    struct command command = command_line_parse(argc, argv);
    static struct title title; /* static, as the environment lives as long as the process */
    int status;

    signal(SIGXFSZ, SIG_IGN); /* a write beyond LimitFSIZE= fails with EFBIG instead */
    title_init(&title, argc, argv);
    if (command.action == ACTION_SERVE || command.action == ACTION_INETD)
        status = run_server(&command, &title);
    else
        status = finish_printing(print(&command));
    command_line_free(&command);
    return status;
}
