/*
 * Host names, looked up in one place: when a configuration is first used, never by a program that
 * has clients already.
 */
#ifndef ECHOD_DAEMON_NAMES_H
#define ECHOD_DAEMON_NAMES_H

#include "config/settings.h"

/*
 * Puts the addresses that they stand for in the place of the host names in SETTINGS, which may take
 * seconds, and adds to PROBLEMS those that cannot be looked up.
 */
void names_resolve(struct settings *settings, struct problems *problems);

#endif
