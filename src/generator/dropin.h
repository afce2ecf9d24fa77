/*
 * The drop-in files that the generator writes, in the directory that systemd passes to it.
 */
#ifndef ECHOD_GENERATOR_DROPIN_H
#define ECHOD_GENERATOR_DROPIN_H

#include "generator/unit.h"

#include <stdbool.h>
#include <stdio.h>

#define DROPIN_PATH_MAX 4096

struct dropin {
    FILE *to;
    char path[DROPIN_PATH_MAX];
};

/* Opens NAME.d/FILE for writing, NAME being a unit. Returns false, and logs, if that fails. */
bool dropin_open(struct dropin *dropin, const struct unit *unit, const char *name,
                 const char *file);

/* Closes the file. After a write error, logs it and removes the file: a part of it could have a
 * different meaning. */
void dropin_close(const struct dropin *dropin, const struct unit *unit);

/* Writes "KEY=VALUE", with VALUE escaped so that systemd finds no specifiers in it. */
void dropin_write(FILE *to, const char *key, const char *value);

#endif
