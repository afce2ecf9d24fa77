/*
 * What the generator makes of one configuration.
 */
#ifndef ECHOD_GENERATOR_GENERATION_H
#define ECHOD_GENERATOR_GENERATION_H

#include <stdbool.h>

#define CONFIG_DIRECTORY SYSCONFDIR "/echod"

struct generation {
    const char *root;      /* before the paths of what is read; "" */
    const char *directory; /* to write to */
    const char *name;      /* of CONFIG_DIRECTORY/NAME.conf */
    const char *unit;      /* the service that this is for */
};

#endif
