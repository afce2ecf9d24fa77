/*
 * The addresses that a configuration wants to be listened on.
 */
#ifndef ECHOD_DAEMON_WISHES_H
#define ECHOD_DAEMON_WISHES_H

#include "config/settings.h"
#include "net/address.h"

struct wish {
    struct address address;
    const struct listen_settings *settings;
};

struct wishes {
    struct wish *item; /* owned: free(3) */
    size_t count;
};

/*
 * Of SETTINGS whose names were looked up (names.h). Adds to PROBLEMS addresses that two listeners
 * want, or whose network interface is gone.
 */
struct wishes wishes_make(const struct settings *settings, struct problems *problems);

/* Whether the kernel would refuse to bind what WISH wants while a socket of TYPE is bound to
 * ADDRESS. */
bool wish_clashes(const struct wish *wish, const struct address *address, int type);

#endif
