/*
 * Settings as an INI file.
 */
#ifndef ECHOD_CONFIG_DUMP_H
#define ECHOD_CONFIG_DUMP_H

#include "config/settings.h"

#include <stdio.h>

/*
 * Writes the effective configuration to OUT as an INI file, with the origin of each value. Loading
 * the output yields the same values.
 */
void settings_dump(const struct settings *settings, FILE *out);

#endif
