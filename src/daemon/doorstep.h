/*
 * The doorstep: connections that came while a limit was reached. A client that ends one session and
 * begins the next may well be there before its worker has ended, let alone been reaped; so whom a
 * limit keeps out is not refused at once, but waits for a moment whether somebody leaves.
 */
#ifndef ECHOD_DAEMON_DOORSTEP_H
#define ECHOD_DAEMON_DOORSTEP_H

#include "config/settings.h"
#include "net/address.h"

/* So many wait at once. */
#define DOORSTEP_PLACES 16

struct knocker {
    int client;
    struct address peer;
    struct source_key source; /* of the peer */
    const struct listen_settings *listen;
    bool no_room;   /* it is let in, but there is no room for its job yet */
    uint64_t until; /* clock_now() at which it is refused; 0: after the usual patience */
};

/* Its zero is an empty one. */
struct doorstep {
    struct knocker item[DOORSTEP_PLACES + 1]; /* the first to come first */
    size_t count;
};

/*
 * Lets KNOCKER wait, whose connected socket then belongs to the doorstep. If there is no place for
 * it, the source that has most gives one up, so that none keeps the others out: returns who has to
 * go, maybe KNOCKER itself, and whose socket is the caller's; .client is -1 if nobody has.
 */
struct knocker doorstep_keep(struct doorstep *doorstep, const struct knocker *knocker);

/* Whether somebody waits for room. */
bool doorstep_lacks_room(const struct doorstep *doorstep);

/* When the first one has waited long enough; UINT64_MAX: nobody waits. */
uint64_t doorstep_next(const struct doorstep *doorstep);

#endif
