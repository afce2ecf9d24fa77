/*
 * The addresses that a configuration wants to be listened on.
 */
#ifndef ECHOD_DAEMON_WISHES_H
#define ECHOD_DAEMON_WISHES_H

#include "config/settings.h"
#include "net/address.h"
#include "net/identity.h"

struct wish {
    struct address address;
    const struct listen_settings *settings;
    size_t number; /* of that listener, among those of the settings */
};

struct wishes {
    struct wish *item;
    size_t count;
    struct identity_index index;
};

/*
 * Of SETTINGS whose names were looked up (names.h). Adds to PROBLEMS addresses that two listeners
 * want, or whose network interface is not there. What one listener wants twice it gets once.
 */
struct wishes wishes_make(const struct settings *settings, struct problems *problems);

/* Whether a socket of TYPE at ADDRESS is among them. */
bool wishes_have(const struct wishes *wishes, const struct address *address, int type);

void wishes_free(struct wishes *wishes);

#endif
