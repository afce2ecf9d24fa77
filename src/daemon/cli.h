/*
 * The command line of echod.
 */
#ifndef ECHOD_DAEMON_CLI_H
#define ECHOD_DAEMON_CLI_H

enum action {
    ACTION_SERVE,
    ACTION_CHECK,
    ACTION_DUMP,
    ACTION_LIST,
    ACTION_INETD,
    ACTION_VERSION,
    ACTION_HELP,
    ACTION_NONE, /* the command line is wrong, which was said */
};

struct command {
    enum action action;
    char *name;     /* argv[0]; owned */
    char *config;   /* absolute; owned */
    char *pid_file; /* absolute; owned; NULL: none */
    int daemon;     /* detach */
};

/* Parses ARGV. What is wrong is told on standard error. */
struct command cli_parse(int argc, char **argv);
void cli_free(struct command *command);

/* The text of --help, to standard output. */
void cli_help(void);

#endif
