/*
 * The message service, for streams and datagrams: each message is stored, and then replied to.
 */
#ifndef ECHOD_SERVICE_MESSAGE_STORE_H
#define ECHOD_SERVICE_MESSAGE_STORE_H

#include "net/address.h"
#include "ipc/job.h"
#include "ipc/store.h"
#include "service/framing.h"

struct message_store {
    const struct service_options *options;
    struct store *store; /* not owned */
    int socket;          /* not owned; to query interface names */
    char *record;        /* room for the longest message; owned, as are the next ones */
    size_t record_size;
    struct text reply;    /* including the newline; LEN 0: no reply is sent */
    struct text too_long; /* reply to a message longer than max_message */
};

/* Reply to a message that could not be stored. */
extern const struct text message_store_failed;

/* Initialises for a listener with OPTIONS. Returns 0 or -ENOMEM; call message_store_close() in any
 * case. */
int message_store_open(struct message_store *storing, const struct service_options *options,
                       struct store *store, int socket);
void message_store_close(struct message_store *storing);

/* Stores MESSAGE from PEER, behind PROXY unless that is NULL or empty, and waits until that is
 * done, at most 30 s. Returns 0 or -errno. */
int message_store_put(struct message_store *storing, const struct message *message,
                      const struct address *peer, const struct address *proxy);

#endif
