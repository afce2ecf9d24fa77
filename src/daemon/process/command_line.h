/*
 * The command line of echod.
 */
#ifndef ECHOD_DAEMON_PROCESS_COMMAND_LINE_H
#define ECHOD_DAEMON_PROCESS_COMMAND_LINE_H

#include <stdbool.h>

enum action {
    ACTION_SERVE,
    ACTION_CHECK,
    ACTION_DUMP,
    ACTION_LIST,
    ACTION_INETD,
    ACTION_VERSION,
    ACTION_HELP,
    ACTION_NONE, /* the command line is wrong; the error has been printed */
};

struct command {
    enum action action;
    char *name;     /* argv[0]; owned */
    char *config;   /* absolute; owned */
    char *pid_file; /* absolute; owned; NULL: none */
    int daemon;     /* detach */
};

/* Parses ARGV, and prints errors to standard error. */
struct command command_line_parse(int argc, char **argv);
void command_line_free(struct command *command);

/* Whether standard error is the client's socket, as under inetd(8): it must get no error messages.
 */
bool command_line_stderr_is_client(const struct command *command);

/* Prints the text of --help to standard output. */
void command_line_help(void);

#endif
