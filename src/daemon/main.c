#include "config.h"

#include "config/options.h"
#include "config/settings.h"
#include "daemon/cli.h"
#include "daemon/run.h"

#include <stdio.h>

static int print_version(void)
{
    puts("echod " PACKAGE_VERSION);
    return 0;
}

static int act(const struct command *command, const struct title *title)
{
    switch (command->action) {
    case ACTION_HELP:
        cli_help();
        return 0;
    case ACTION_VERSION:
        return print_version();
    case ACTION_LIST:
        option_list(stdout);
        return 0;
    case ACTION_CHECK:
        return run_check(command);
    case ACTION_DUMP:
        return run_dump(command);
    case ACTION_SERVE:
    case ACTION_INETD:
        return run_server(command, title);
    case ACTION_NONE:
        break;
    }
    return EXIT_USAGE;
}

int main(int argc, char **argv)
{
    struct command command = cli_parse(argc, argv);
    struct title title;

    title_init(&title, argc, argv);
    int status = act(&command, &title);
    cli_free(&command);
    return status;
}
