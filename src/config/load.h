/*
 * Loading the files of a configuration.
 */
#ifndef ECHOD_CONFIG_LOAD_H
#define ECHOD_CONFIG_LOAD_H

#include "config/settings.h"

/*
 * Reads the file at PATH, then *.conf in PATH.d in the order of their names, validates the result,
 * and adds all problems to PROBLEMS. Returns the settings, which the caller frees with
 * settings_free(), or NULL if a problem is fatal.
 */
struct settings *settings_load(const char *path, struct problems *problems);

#endif
