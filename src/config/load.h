/*
 * From the files of a configuration to settings.
 */
#ifndef ECHOD_CONFIG_LOAD_H
#define ECHOD_CONFIG_LOAD_H

#include "config/settings.h"

/*
 * Reads the file at PATH, then *.conf in PATH.d in the order of their names, checks the whole, and
 * adds to PROBLEMS whatever is wrong. Returns the settings, or NULL if a problem is fatal. The
 * caller frees them with settings_free().
 */
struct settings *settings_load(const char *path, struct problems *problems);

#endif
