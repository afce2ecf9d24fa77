/*
 * Settings from one program to the next. Not as an INI file, whose lines have a limit: in a form of
 * our own, in which a value is as long as it is, and keeps its origin.
 *
 *   echod-settings 1
 *   file PATH                       each file that was read, its bytes escaped
 *   section FILE LINE NAME          FILE: which of the files, from 0
 *   value FILE LINE OPTION TEXT     of that section; what has the default is left out
 */
#ifndef ECHOD_CONFIG_SERIALIZE_H
#define ECHOD_CONFIG_SERIALIZE_H

#include "config/settings.h"

/*
 * Writes SETTINGS to the file FD, for settings_deserialize(), after it has seen that they can be
 * received, and are the same then: the next program has nothing else, and no way back.
 * Returns 0 or -errno; -EPROTO with a problem added.
 */
int settings_serialize(const struct settings *settings, int fd, struct problems *problems);

/*
 * Reads what settings_serialize() has written to FD, which is closed. The caller frees the
 * settings: good ones, whatever has changed since and is added to PROBLEMS (an interface may be
 * gone). NULL if that is not what this version understands.
 */
struct settings *settings_deserialize(int fd, struct problems *problems);

#endif
