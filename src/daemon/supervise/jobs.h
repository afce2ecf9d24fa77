/*
 * The jobs for fork servers: all that a worker needs, and nothing more.
 */
#ifndef ECHOD_DAEMON_SUPERVISE_JOBS_H
#define ECHOD_DAEMON_SUPERVISE_JOBS_H

#include "config/settings.h"
#include "daemon/session/job_id.h"
#include "daemon/supervise/fork_servers.h"
#include "daemon/supervise/scribe_process.h"

/* What jobs are made from. */
struct jobs {
    struct fork_servers *servers;
    struct scribe_process *scribe;
    const struct server_settings *settings;
    uint64_t last; /* the number of jobs so far, for their IDs */
};

/* A submitted job. */
struct submitted {
    uint64_t id;
    uint32_t server; /* the number of the fork server */
    uint32_t store;  /* of the connection to the scribe; 0: none */
};

/* A new ID for the job of the client, or the datagram socket, at INDEX, which is part of it. */
uint64_t jobs_client_id(struct jobs *jobs, size_t index);
uint64_t jobs_datagram_id(struct jobs *jobs, size_t index);

/* An ID larger than all so far, and smaller than those of later clients. */
uint64_t jobs_newest(const struct jobs *jobs);

/*
 * Submits the job for the connected socket CLIENT, with the ID SUBMITTED->id and the slot of its
 * index. REFUSAL is sent to the client if no worker can be forked. The descriptors stay the
 * caller's. Returns 0, or as fork_servers_submit().
 */
int jobs_submit_client(struct jobs *jobs, struct submitted *submitted, int client,
                       const struct address *peer, const struct listen_settings *listen,
                       const char *refusal);

/* The same for a datagram SOCKET bound to ADDRESS, whose slot is in the memory SLOTS. */
int jobs_submit_datagrams(struct jobs *jobs, struct submitted *submitted, int socket, int slots,
                          const struct address *address, const struct listen_settings *listen,
                          const struct ports *own_ports);

/* A job of the fork server NUMBER, with the connection STORE to the scribe, has ended; STARTED: it
 * had a worker. */
void jobs_done(struct jobs *jobs, uint32_t number, uint32_t store, bool started);

#endif
