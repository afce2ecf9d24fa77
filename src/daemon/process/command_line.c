#include "daemon/process/command_line.h"

#include "base/fd.h"
#include "base/macros.h"
#include "base/text.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_CONFIG SYSCONFDIR "/echod/echod.conf"

static const struct option options[] = {
    {"config", required_argument, NULL, 'c'},
    {"foreground", no_argument, NULL, 'f'},
    {"daemon", no_argument, NULL, 'd'},
    {"pid-file", required_argument, NULL, 'p'},
    {"check-config", no_argument, NULL, 't'},
    {"dump-config", no_argument, NULL, 'T'},
    {"list-options", no_argument, NULL, 'l'},
    {"inetd", no_argument, NULL, 'i'},
    {"version", no_argument, NULL, 'V'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

void command_line_help(void)
{
    puts("Usage: echod [OPTION]...\n"
         "Serve echo and other services, each client in a separate process.\n"
         "\n"
         "  -c, --config FILE    read FILE and FILE.d/*.conf\n"
         "                       (default: " DEFAULT_CONFIG ")\n"
         "  -f, --foreground     stay in the foreground (the default)\n"
         "  -d, --daemon         detach from the terminal; return once echod is listening\n"
         "  -p, --pid-file FILE  with --daemon: write the process ID to FILE and lock it\n"
         "  -t, --check-config   check the configuration, report errors, and exit\n"
         "  -T, --dump-config    print the options in effect and where they were set, and exit\n"
         "  -l, --list-options   list all options, one per line, and exit\n"
         "  -i, --inetd          serve the client on standard input, then exit\n"
         "  -V, --version        print the version and exit\n"
         "  -h, --help           print this help and exit\n"
         "\n"
         "Exit status: 0 stopped by a signal, 64 bad command line, 69 an address is unavailable,\n"
         "70 exited unexpectedly while starting, 71 a system resource is exhausted, 73 cannot\n"
         "create the pid file, 74 cannot write standard output, 77 an address is not permitted,\n"
         "78 the configuration has errors.\n"
         "See echod(8) and echod.conf(5).");
}

/* Sets *FIELD to a copy of PATH that still names the same file after chdir(2). */
static void set_path(char **field, const char *path)
{
    char *here = path[0] == '/' ? NULL : getcwd(NULL, 0);

    free(*field);
    if (!here || asprintf(field, "%s/%s", here, path) < 0)
        *field = text_copy(path);
    free(here);
}

void command_line_free(struct command *command)
{
    free(command->name);
    free(command->config);
    free(command->pid_file);
}

/* Stores one option. Returns 0, or -1 if getopt_long(3) has printed an error. */
static int enter(struct command *command, int option)
{
    static const struct {
        int option;
        enum action action;
    } actions[] = {{'t', ACTION_CHECK}, {'T', ACTION_DUMP},    {'l', ACTION_LIST},
                   {'i', ACTION_INETD}, {'V', ACTION_VERSION}, {'h', ACTION_HELP}};

    for (size_t i = 0; i < ARRAY_SIZE(actions); i++)
        if (actions[i].option == option)
            command->action = actions[i].action;
    if (option == 'c')
        set_path(&command->config, optarg);
    else if (option == 'p')
        set_path(&command->pid_file, optarg);
    else if (option == 'd' || option == 'f')
        command->daemon = option == 'd';
    return option == '?' ? -1 : 0;
}

static int misused(const struct command *command, int argc, char **argv)
{
    if (optind < argc)
        return fprintf(stderr, "echod: unexpected operand: %s\n", argv[optind]);
    if (command->pid_file && !command->daemon)
        return fprintf(stderr, "echod: --pid-file requires --daemon\n");
    if (command->daemon && command->action == ACTION_INETD)
        return fprintf(stderr, "echod: --daemon and --inetd cannot be combined\n");
    return 0;
}

struct command command_line_parse(int argc, char **argv)
{
    struct command command = {.name = text_copy(argc > 0 ? argv[0] : "echod"),
                              .config = text_copy(DEFAULT_CONFIG)};
    char name[] = "echod", *given = argv[0];
    int option, r = 0;

    argv[0] = argc > 0 ? name : NULL; /* getopt_long() begins its complaints with it */
    while (r == 0 && (option = getopt_long(argc, argv, "c:fdp:tTliVh", options, NULL)) != -1)
        r = enter(&command, option);
    argv[0] = given;
    if (r < 0 || misused(&command, argc, argv)) {
        fputs("Try 'echod --help'.\n", stderr);
        command.action = ACTION_NONE;
    }
    return command;
}

bool command_line_stderr_is_client(const struct command *command)
{
    return command->action == ACTION_INETD && fd_same_file(STDIN_FILENO, STDERR_FILENO);
}
