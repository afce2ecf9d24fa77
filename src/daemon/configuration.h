/*
 * The configuration: loaded for a start, checked, or printed. The dry run of a reload is a check.
 */
#ifndef ECHOD_DAEMON_CONFIGURATION_H
#define ECHOD_DAEMON_CONFIGURATION_H

#include "config/settings.h"
#include "daemon/process/command_line.h"

/* Loads the configuration of COMMAND and reports all problems. Returns NULL, with the exit status
 * in *STATUS, if it cannot be used. If LISTEN, also resolves host names and checks what listening
 * requires. */
struct settings *configuration_load(const struct command *command, bool listen, int *status);

/* --check-config and --dump-config. Each returns the exit status of the program. */
int configuration_check(const struct command *command);
int configuration_dump(const struct command *command);

#endif
