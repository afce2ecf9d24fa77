/*
 * One datagram socket, and the worker that serves it.
 */
#ifndef ECHOD_DAEMON_DATAGRAM_DATAGRAM_WORKER_H
#define ECHOD_DAEMON_DATAGRAM_DATAGRAM_WORKER_H

#include "daemon/listen/listeners.h"
#include "daemon/session/datagram_counters.h"

#include <sys/types.h>

struct datagram_worker {
    uint64_t job;                    /* 0: there is none now */
    pid_t pid;                       /* 0: it is not known yet */
    uint32_t server;                 /* the number of the fork server that has the job */
    uint32_t store;                  /* its connection to the scribe; 0: it has none */
    int signal;                      /* still to be sent to it; 0: none */
    size_t slot;                     /* its number */
    const struct listener *listener; /* NULL: it is to end, and nobody takes its place */
    char name[LISTENER_NAME_SIZE];   /* of its listener, */
    char address[ADDRESS_TEXT_MAX];  /* whose address, */
    unsigned service;                /* and enum service */
    struct datagram_counters ended;  /* of those that had its place before */
    struct datagram_counters told;   /* what records have told of it, and of those before */
    uint64_t since;                  /* clock_now() of its start */
    uint64_t pause;                  /* between the end of the last one and this one */
    uint64_t retry_at;               /* clock_now() of another try; if there is none now */
    uint64_t kill_at;                /* if it has not ended by then; 0: it was not asked to */
};

#endif
