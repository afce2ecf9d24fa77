/*
 * The limits that a service needs for the clients and listeners of its configuration.
 */
#ifndef ECHOD_GENERATOR_LIMITS_H
#define ECHOD_GENERATOR_LIMITS_H

#include "config/settings.h"
#include "generator/unit.h"

/* Writes a drop-in with TasksMax=, LimitNOFILE= and FileDescriptorStoreMax= of the service. */
void limits_write(const struct unit *unit, const struct settings *settings);

#endif
