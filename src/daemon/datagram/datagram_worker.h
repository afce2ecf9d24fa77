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
    pid_t pid;                       /* 0: not known yet */
    uint32_t server;                 /* the number of the fork server that has the job */
    uint32_t store;                  /* its connection to the scribe; 0: it has none */
    int signal;                      /* not sent to it yet; 0: none */
    size_t slot;                     /* its number */
    const struct listener *listener; /* NULL: it has to end, and is not replaced */
    char name[LISTENER_NAME_SIZE];   /* of its listener, */
    char address[ADDRESS_TEXT_MAX];  /* whose address, */
    unsigned service;                /* and enum service */
    struct datagram_counters ended;  /* the counts of its predecessors */
    struct datagram_counters
        logged;     /* the counts that were logged already, including those of its predecessors */
    uint64_t since; /* clock_now() of its start */
    uint64_t pause; /* between the end of the last one and this one */
    uint64_t retry_at; /* clock_now() of the next start, if there is none now */
    uint64_t kill_at;  /* when it is killed; 0: it was not told to end */
};

#endif
