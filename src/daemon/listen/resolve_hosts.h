/*
 * Resolving host names: in one place, when a configuration is first used, and never in a program
 * that serves clients.
 */
#ifndef ECHOD_DAEMON_LISTEN_RESOLVE_HOSTS_H
#define ECHOD_DAEMON_LISTEN_RESOLVE_HOSTS_H

#include "config/settings.h"

/*
 * Replaces host names in SETTINGS by their addresses, which may take seconds, and adds those that
 * cannot be looked up to PROBLEMS.
 */
void resolve_hosts(struct settings *settings, struct problems *problems);

#endif
