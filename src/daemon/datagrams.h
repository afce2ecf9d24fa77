/*
 * Datagram sockets: each has one worker, which serves whoever sends to it. The daemon holds the
 * socket, and never touches what comes: so a worker that dies loses what it had in hand, and
 * nothing else, and the next one goes on.
 */
#ifndef ECHOD_DAEMON_DATAGRAMS_H
#define ECHOD_DAEMON_DATAGRAMS_H

#include "daemon/listen/listeners.h"
#include "daemon/slots.h"
#include "daemon/tallies.h"
#include "ipc/job.h"

struct server;

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
    struct tallies ended;            /* of those that had its place before */
    struct tallies told;             /* what records have told of it, and of those before */
    uint64_t since;                  /* clock_now() of its start */
    uint64_t pause;                  /* between the end of the last one and this one */
    uint64_t retry_at;               /* clock_now() of another try; if there is none now */
    uint64_t kill_at;                /* if it has not ended by then; 0: it was not asked to */
};

struct datagrams {
    struct datagram_worker *item; /* owned */
    size_t count;
    struct slots slots;
    struct ports own_ports;
    uint64_t summary_at; /* clock_now() */
};

/* Nobody has a worker yet. */
#define DATAGRAMS_NONE                                                                             \
    {                                                                                              \
        .slots = {.memory = -1 }                                                                   \
    }

/* Adds WORKER, of the program before: job, pid, server, store, slot, name, address, service and
 * told are set. */
void datagrams_restore(struct datagrams *datagrams, const struct datagram_worker *worker);

/*
 * Asks the workers of the program before to end: an address that is wanted anew may be bound by
 * one. What is sent meanwhile waits in the sockets.
 */
void datagrams_retire(struct server *server);

/* Starts a worker for each datagram listener. Returns 0, or -errno where there is no memory. */
int datagrams_start(struct server *server);

/* Asks all workers to end; those that do not are killed soon. */
void datagrams_stop(struct server *server);

void datagrams_close(struct datagrams *datagrams);

/* How many workers there are, those that are to end among them. */
size_t datagrams_live(const struct datagrams *datagrams);

/* How many listeners are datagram sockets. */
size_t datagrams_wanted(const struct listeners *listeners);

/* The worker of JOB, or that is the process PID; or NULL. */
struct datagram_worker *datagrams_find(const struct datagrams *datagrams, uint64_t job);
struct datagram_worker *datagrams_find_process(const struct datagrams *datagrams, pid_t pid);

/* WORKER has ended with STATUS of wait(2). */
void datagrams_ended(struct server *server, struct datagram_worker *worker, int status);

/* It could not be forked: ERROR is an errno. */
void datagrams_failed(struct server *server, struct datagram_worker *worker, int error);

/* Starts workers whose pause is over, kills those that do not end, writes the summaries. */
void datagrams_check(struct server *server, uint64_t now);

/* When that has something to do, clock_now(); UINT64_MAX: never. */
uint64_t datagrams_next(const struct datagrams *datagrams);

/* Logs what was counted and is not told yet, a record for each socket. */
void datagrams_summarise(struct server *server);

/* What WORKER, and those before it, have counted. */
struct tallies datagrams_counted(const struct datagrams *datagrams,
                                 const struct datagram_worker *worker);

#endif
