/*
 * Host names, looked up in one place: when a configuration is first used, never by a program that
 * has clients already.
 */
#ifndef ECHOD_DAEMON_LISTEN_RESOLVE_HOSTS_H
#define ECHOD_DAEMON_LISTEN_RESOLVE_HOSTS_H

#include "config/settings.h"

/*
 * Puts the addresses that they stand for in the place of the host names in SETTINGS, which may take
 * seconds, and adds to PROBLEMS those that cannot be looked up.
 */
void resolve_hosts(struct settings *settings, struct problems *problems);

#endif
