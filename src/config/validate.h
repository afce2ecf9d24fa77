/*
 * Checks across options: values that contradict each other, or have no effect.
 */
#ifndef ECHOD_CONFIG_VALIDATE_H
#define ECHOD_CONFIG_VALIDATE_H

#include "config/settings.h"

/* Adds to PROBLEMS what is wrong with the settings as a whole. */
void settings_validate(struct settings *settings, struct problems *problems);

#endif
