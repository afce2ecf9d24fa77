/*
 * Serving: from the command line to the end of the loop.
 */
#ifndef ECHOD_DAEMON_RUN_H
#define ECHOD_DAEMON_RUN_H

#include "base/title.h"
#include "daemon/process/command_line.h"

/* Returns the exit status of the program. */
int run_server(const struct command *command, const struct title *title);

#endif
