/*
 * The last valid version of a configuration, kept in /run until the next boot. systemd discards
 * generated files before it runs the generator, so without this a mistake in the file would take
 * limits and addresses away from running units.
 */
#ifndef ECHOD_GENERATOR_LAST_VALID_H
#define ECHOD_GENERATOR_LAST_VALID_H

#include "config/settings.h"
#include "generator/unit.h"

/* Stores SETTINGS, or logs an error. */
void last_valid_save(const struct unit *unit, const struct settings *settings);

/* Returns the stored version, which the caller frees with settings_free(); or NULL. */
struct settings *last_valid_load(const struct unit *unit);

#endif
