/*
 * The roster: the current clients and their workers. The number of clients, in total and per
 * source, is derived from it; every operation takes constant time.
 */
#ifndef ECHOD_DAEMON_SESSION_ROSTER_H
#define ECHOD_DAEMON_SESSION_ROSTER_H

#include "base/hash.h"
#include "config/settings.h"
#include "net/address.h"

#include <sys/types.h>

/* Behind a proxy, the client is unknown at first; it counts for its source only once it is known
 * and admitted. */
enum standing { CLIENT_ADMITTED, CLIENT_AWAITED, CLIENT_REFUSED };

struct client {
    uint64_t job;    /* 0: this entry is free */
    pid_t pid;       /* of the worker; 0: it is not known yet */
    uint32_t server; /* the number of the fork server that has the job */
    int signal;      /* not sent to the worker yet; 0: none */
    uint32_t store;  /* its connection to the scribe (scribe_process.h); 0: it has none */
    struct address peer;
    struct address
        proxy; /* the peer of the socket, if it is a proxy that has named PEER; else len 0 */
    enum standing standing;
    char listener[LISTENER_NAME_SIZE]; /* a copy: a reload may remove the listener */
    unsigned service;                  /* enum service */
    uint64_t since;                    /* clock_now() */
    bool end_requested;                /* by echoctl kill */
    uint64_t
        bytes; /* while draining: the counts at the last check that found it busy or changed, */
    uint64_t idle_since; /* and clock_now() of that check; 0: not checked yet */
    bool ending;         /* it was idle at a stop, and its worker was told to end */
    uint64_t wait_until; /* clock_now() until which it may wait for a place, behind a proxy; 0: not
                            set */
    uint32_t source;     /* 0: it is not counted */
    uint32_t next;       /* in the chain of its pid's bucket, or of the free entries */
    uint32_t awaited; /* its place among those whose standing is CLIENT_AWAITED; 0: it has none */
};

struct source {
    struct source_key key;
    uint32_t live; /* the number of its entries in the roster */
    uint32_t next;
};

/* Entries are linked by their number, from 1 on; 0 ends a chain. Those beyond the highest that
 * was ever used have never been touched, and cost no memory. */
struct roster {
    struct client *clients; /* [number - 1] */
    struct source *sources; /* never more than clients */
    uint32_t *by_pid;       /* heads of chains of clients */
    uint32_t *by_key;       /* heads of chains of sources */
    uint32_t *awaiting;     /* [place - 1]: the numbers of those that are awaited, */
    uint32_t awaited;       /* so many */
    uint32_t free_client, free_source;
    uint32_t used_clients, used_sources;
    size_t max, live, buckets;
    struct source_prefix prefix;
    struct hash_seed seed; /* so that nobody can choose addresses that share a chain */
};

/* Makes room for MAX clients, whose sources are defined by PREFIX. Returns 0 or -errno. */
int roster_open(struct roster *roster, size_t max, const struct source_prefix *prefix);
void roster_close(struct roster *roster);

/* The index, from 0, of the entry for the next client, and of its slot. The roster must not be
 * full. */
size_t roster_next(const struct roster *roster);

/* Adds the client of JOB, which has no worker yet, at roster_next(). Returns it. */
struct client *roster_add(struct roster *roster, uint64_t job, const struct address *peer,
                          const struct listen_settings *listen);

/* The client at INDEX if it is that of JOB, else NULL. */
struct client *roster_at(const struct roster *roster, size_t index, uint64_t job);

/* The worker of CLIENT is PID. */
void roster_started(struct roster *roster, struct client *client, pid_t pid);

/* Adds CLIENT, whose fields come from the handover, at INDEX: to rebuild a roster, in the order of
 * the indices. */
void roster_restore(struct roster *roster, size_t index, const struct client *client);

/* The client that PID serves, or NULL. */
struct client *roster_find(const struct roster *roster, pid_t pid);

/* Admits CLIENT, which was CLIENT_AWAITED: it counts for its source. */
void roster_admit(struct roster *roster, struct client *client);

/* Refuses CLIENT, which was CLIENT_AWAITED. */
void roster_refuse(struct roster *roster, struct client *client);

/* Removes CLIENT. */
void roster_remove(struct roster *roster, struct client *client);

/* The number of admitted clients of the source of PEER. */
size_t roster_count(const struct roster *roster, const struct address *peer);

#endif
