/*
 * The message service, whatever brings the messages: each is stored, and then replied to.
 */
#ifndef ECHOD_WORKER_STORING_H
#define ECHOD_WORKER_STORING_H

#include "config/settings.h"
#include "net/address.h"
#include "scribe/store.h"
#include "worker/framing.h"

struct storing {
    const struct listen_settings *listen;
    const struct store *store; /* not owned */
    char *escaped;             /* room for the longest message; owned, as are the next ones */
    char *record;
    size_t record_size;
    struct text reply;    /* its newline included; without one, LEN 0, nothing is replied */
    struct text too_long; /* said of a message beyond max_message */
};

/* Said of a message that could not be stored. */
extern const struct text storing_failed;

/* Prepares for the messages to LISTEN. Returns 0 or -ENOMEM; storing_close() frees all in any case.
 */
int storing_open(struct storing *storing, const struct listen_settings *listen,
                 const struct store *store);
void storing_close(struct storing *storing);

/* Stores MESSAGE, of PEER, which came by PROXY unless that is NULL or empty, and waits until that
 * is done, at most 30 s. Returns 0 or -errno. */
int storing_store(struct storing *storing, const struct message *message,
                  const struct address *peer, const struct address *proxy);

#endif
