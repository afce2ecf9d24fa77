/*
 * Passing settings from one program to the next. Not as an INI file, whose lines are limited, but
 * in a format in which values can have any length and keep their origins.
 *
 *   echod-settings 1
 *   file PATH                       each file that was read, its bytes escaped
 *   section FILE LINE NAME          FILE: which of the files, from 0
 *   value FILE LINE OPTION TEXT     of that section; defaults are omitted
 */
#ifndef ECHOD_CONFIG_SERIALIZE_H
#define ECHOD_CONFIG_SERIALIZE_H

#include "config/settings.h"

/*
 * Writes SETTINGS to the file FD for settings_deserialize(), after verifying that they can be read
 * back unchanged, because the next program has no other source. Returns 0 or -errno; -EPROTO with a
 * problem added.
 */
int settings_serialize(const struct settings *settings, int fd, struct problems *problems);

/*
 * Reads what settings_serialize() has written to FD, and closes it. Returns the settings, which the
 * caller frees, even if something has changed since (an interface may be gone), which is added to
 * PROBLEMS; or NULL if this version does not understand them.
 */
struct settings *settings_deserialize(int fd, struct problems *problems);

#endif
