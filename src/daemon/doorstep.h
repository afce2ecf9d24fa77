/*
 * The doorstep: connections that came while a limit was reached. A client that ends one session and
 * begins the next may well be there before its worker has ended, let alone been reaped; so whom a
 * limit keeps out is not refused at once, but waits for a moment whether somebody leaves.
 */
#ifndef ECHOD_DAEMON_DOORSTEP_H
#define ECHOD_DAEMON_DOORSTEP_H

#include "config/settings.h"
#include "net/address.h"

/* So many wait at once; whoever comes then is refused as if there were no doorstep. */
#define DOORSTEP_PLACES 16

struct knocker {
    int client;
    struct address peer;
    const struct listen_settings *listen;
    uint64_t until; /* clock_now() at which it is refused */
};

/* Its zero is an empty one. */
struct doorstep {
    struct knocker item[DOORSTEP_PLACES]; /* the first to come first */
    size_t count;
};

/* Lets the connected socket CLIENT wait, which then belongs to the doorstep. Returns false if there
 * is no place. */
bool doorstep_keep(struct doorstep *doorstep, int client, const struct address *peer,
                   const struct listen_settings *listen);

/* When the first one has waited long enough; UINT64_MAX: nobody waits. */
uint64_t doorstep_next(const struct doorstep *doorstep);

#endif
