/*
 * The actions of the command line.
 */
#ifndef ECHOD_DAEMON_RUN_H
#define ECHOD_DAEMON_RUN_H

#include "base/title.h"
#include "daemon/command_line.h"

/* Each returns the exit status of the program. */
int run_check(const struct command *command);
int run_dump(const struct command *command);
int run_server(const struct command *command, const struct title *title);

#endif
