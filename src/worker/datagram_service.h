/*
 * The services over datagrams.
 */
#ifndef ECHOD_WORKER_DATAGRAM_SERVICE_H
#define ECHOD_WORKER_DATAGRAM_SERVICE_H

#include "worker/datagram_batch.h"
#include "worker/worker.h"
#include "service/daytime.h"
#include "service/message_store.h"

struct datagram_service {
    const struct worker *worker;
    struct store store;
    bool answers;                 /* whether the service sends answers, which could do harm */
    size_t at_once;               /* how many datagrams to serve before the answers are sent */
    struct message_store storing; /* of the message service */
    char daytime[DAYTIME_SIZE];
};

/* Prepares. Returns 0 or -errno. Lives as long as the process. */
int datagram_service_open(struct datagram_service *service, const struct worker *worker);

/* Serves DATAGRAM from PEER (normalised), and sets its answer, which is valid until the next batch.
 * Returns why there is none, or DATAGRAM_COUNTERS. */
enum datagram_counter datagram_serve(struct datagram_service *service, struct datagram *datagram,
                                     const struct address *peer);

#endif
