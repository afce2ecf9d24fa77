/*
 * The waiting list: connections that came while a limit was reached. A client that ends one session
 * and begins the next may well be there before its worker has ended, let alone been reaped; so whom
 * a limit keeps out is not refused at once, but waits for a moment whether somebody leaves.
 */
#ifndef ECHOD_DAEMON_ADMISSION_WAITING_LIST_H
#define ECHOD_DAEMON_ADMISSION_WAITING_LIST_H

#include "config/settings.h"
#include "net/address.h"

/* So many wait at once. */
#define WAITING_LIST_MAX 16

struct waiting_client {
    int client;
    struct address peer;
    struct source_key source; /* of the peer */
    const struct listen_settings *listen;
    bool no_room;   /* it is let in, but there is no room for its job yet */
    uint64_t until; /* clock_now() at which it is refused; 0: after the usual patience */
};

/* Its zero is an empty one. */
struct waiting_list {
    struct waiting_client item[WAITING_LIST_MAX + 1]; /* the first to come first */
    size_t count;
};

/*
 * Lets CLIENT wait, whose connected socket then belongs to the list. If there is no place for
 * it, the source that has most gives one up, so that none keeps the others out: returns who has to
 * go, maybe CLIENT itself, and whose socket is the caller's; .client is -1 if nobody has.
 */
struct waiting_client waiting_list_add(struct waiting_list *list,
                                       const struct waiting_client *client);

/* Whether somebody waits for room. */
bool waiting_list_lacks_room(const struct waiting_list *list);

/* When the first one has waited long enough; UINT64_MAX: nobody waits. */
uint64_t waiting_list_next(const struct waiting_list *list);

#endif
