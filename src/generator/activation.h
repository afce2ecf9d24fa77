/*
 * The drop-ins of echod.socket and, if that is enabled, of its service.
 */
#ifndef ECHOD_GENERATOR_ACTIVATION_H
#define ECHOD_GENERATOR_ACTIVATION_H

#include "config/settings.h"
#include "generator/unit.h"

/* Writes a drop-in with the addresses of the socket unit and, if that is enabled, one for the
 * service with a sandbox without network access. */
void activation_write(const struct unit *unit, const struct settings *settings);

/* Whether echod.socket is enabled. */
bool activation_is_enabled(const struct unit *unit);

#endif
