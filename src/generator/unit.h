/*
 * A service unit, and the configuration that its drop-ins are generated from.
 */
#ifndef ECHOD_GENERATOR_UNIT_H
#define ECHOD_GENERATOR_UNIT_H

#include <stdbool.h>

#define CONFIG_DIRECTORY SYSCONFDIR "/echod"

struct unit {
    const char *root;      /* prefix of all paths that are read; "" by default */
    const char *directory; /* to write drop-ins to */
    const char *name;      /* the configuration is CONFIG_DIRECTORY/NAME.conf */
    const char *service;   /* gets the limits, and the log records */
};

#endif
