/*
 * The drop-ins that the generator writes for units, in the directory that systemd gives it.
 */
#ifndef ECHOD_GENERATOR_DROPIN_H
#define ECHOD_GENERATOR_DROPIN_H

#include "generator/generation.h"

#include <stdio.h>

/* Opens UNIT.d/FILE to be written; NULL, and logged, where it cannot be. */
FILE *dropin_open(const struct generation *generation, const char *unit, const char *file);

/* Closes it; logs it where not all of it could be written. */
void dropin_close(const struct generation *generation, FILE *to);

/* Writes "KEY=VALUE", and in VALUE systemd finds no specifier. */
void dropin_write(FILE *to, const char *key, const char *value);

#endif
