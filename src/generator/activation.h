/*
 * What echod.socket and, where that is enabled, the service behind it have to know.
 */
#ifndef ECHOD_GENERATOR_ACTIVATION_H
#define ECHOD_GENERATOR_ACTIVATION_H

#include "config/settings.h"
#include "generator/generation.h"

/* Writes a drop-in with the addresses of the socket unit, and, if it is enabled, one for the
 * service with a sandbox that needs no network at all. */
void activation_write(const struct generation *generation, const struct settings *settings);

/* Whether systemd will start echod.socket by itself. */
bool activation_is_enabled(const struct generation *generation);

#endif
