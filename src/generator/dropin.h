/*
 * The drop-ins that the generator writes for units, in the directory that systemd gives it.
 */
#ifndef ECHOD_GENERATOR_DROPIN_H
#define ECHOD_GENERATOR_DROPIN_H

#include "generator/generation.h"

#include <stdbool.h>
#include <stdio.h>

#define DROPIN_PATH_MAX 4096

struct dropin {
    FILE *to;
    char path[DROPIN_PATH_MAX];
};

/* Opens UNIT.d/FILE to be written. False, and logged, where it cannot be. */
bool dropin_open(struct dropin *dropin, const struct generation *generation, const char *unit,
                 const char *file);

/* Closes it. Where not all of it could be written, that is logged, and there is no such file: a
 * part of one could mean something else. */
void dropin_close(const struct dropin *dropin, const struct generation *generation);

/* Writes "KEY=VALUE", and in VALUE systemd finds no specifier. */
void dropin_write(FILE *to, const char *key, const char *value);

#endif
