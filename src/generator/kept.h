/*
 * The configuration as it was when it was last right. What was made of it is gone whenever the
 * generator is run, and a mistake in the file is no reason to take limits and addresses away from
 * units that run: so it is kept in /run, until the next start of the system.
 */
#ifndef ECHOD_GENERATOR_KEPT_H
#define ECHOD_GENERATOR_KEPT_H

#include "config/settings.h"
#include "generator/generation.h"

/* Keeps SETTINGS, or logs why that cannot be. */
void kept_save(const struct generation *generation, const struct settings *settings);

/* What is kept; NULL where there is none. The caller frees it with settings_free(). */
struct settings *kept_load(const struct generation *generation);

#endif
