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
 * Looks up the names in SETTINGS, which may take seconds, and adds to PROBLEMS those that cannot
 * be, and addresses that two listeners want. Listeners that this version cannot serve want nothing.
 */
struct wishes wishes_make(const struct settings *settings, struct problems *problems);

/* Whether the kernel would refuse to bind the address A while B is bound. */
bool wish_clashes(const struct address *a, const struct address *b);

#endif
