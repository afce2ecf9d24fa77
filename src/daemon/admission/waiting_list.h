/*
 * The waiting list: clients that connected while a limit was reached. A client that ends one
 * session and begins the next often arrives before its old worker has exited and been reaped. So a
 * client over a limit is not refused at once, but waits a moment for another one to leave.
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
    bool no_room;   /* it is admitted, but there is no room for its job yet */
    uint64_t until; /* clock_now() at which it is refused; 0: after the usual time */
};

/* Its zero is an empty one. */
struct waiting_list {
    struct waiting_client item[WAITING_LIST_MAX + 1]; /* in order of arrival */
    size_t count;
};

/*
 * Adds CLIENT, whose socket then belongs to the list. If the list is full, the source with the most
 * entries loses one, so that no source excludes the others: returns that client, which may be
 * CLIENT itself, and whose socket is the caller's. Otherwise .client of the result is -1.
 */
struct waiting_client waiting_list_add(struct waiting_list *list,
                                       const struct waiting_client *client);

/* Whether a client waits for room in a fork server. */
bool waiting_list_lacks_room(const struct waiting_list *list);

/* When the first one has waited long enough; UINT64_MAX: the list is empty. */
uint64_t waiting_list_next(const struct waiting_list *list);

#endif
