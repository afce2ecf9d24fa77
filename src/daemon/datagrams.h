/*
 * Datagram sockets: each has one worker, which serves whoever sends to it. The daemon holds the
 * socket, and never touches what comes: so a worker that dies loses what it had in hand, and
 * nothing else, and the next one goes on.
 */
#ifndef ECHOD_DAEMON_DATAGRAMS_H
#define ECHOD_DAEMON_DATAGRAMS_H

#include "daemon/listeners.h"
#include "daemon/slots.h"
#include "daemon/tallies.h"

struct server;

struct datagram_worker {
    pid_t pid;                       /* 0: there is none now */
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

/* Adds WORKER, of the program before: pid, slot, name, address, service and told are set. */
void datagrams_restore(struct datagrams *datagrams, const struct datagram_worker *worker);

/*
 * Ends the workers of the program before, and gives them a moment for it: an address that is wanted
 * anew may be bound by one. What is sent meanwhile waits in the sockets.
 */
void datagrams_settle(struct server *server);

/* Starts a worker for each datagram listener. Returns 0, or -errno where there is no memory. */
int datagrams_start(struct server *server);

/* Asks all workers to end; those that do not are killed soon. */
void datagrams_stop(struct server *server);

void datagrams_close(struct datagrams *datagrams);

/* How many workers there are, those that are to end among them. */
size_t datagrams_live(const struct datagrams *datagrams);

/* How many listeners are datagram sockets. */
size_t datagrams_wanted(const struct listeners *listeners);

/* Takes the end of PID, with STATUS of wait(2), if it is one of the workers. Returns whether it is.
 */
bool datagrams_ended(struct server *server, pid_t pid, int status);

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
