/*
 * Datagram sockets: each has one worker, which serves all senders. The daemon holds the socket but
 * never reads it, so a worker that dies loses only what it was working on, and the next one
 * continues.
 */
#ifndef ECHOD_DAEMON_DATAGRAM_DATAGRAM_WORKERS_H
#define ECHOD_DAEMON_DATAGRAM_DATAGRAM_WORKERS_H

#include "daemon/datagram/datagram_worker.h"
#include "daemon/listen/listeners.h"
#include "daemon/session/counters.h"
#include "daemon/session/slots.h"
#include "daemon/supervise/jobs.h"
#include "ipc/job.h"

struct datagram_workers {
    const struct listeners *listeners;
    struct jobs *jobs;
    struct counters *counters;
    struct log *log;
    bool log_counts;              /* whether the counts are logged each minute */
    struct datagram_worker *item; /* owned */
    size_t count;
    struct slots slots;
    struct ports own_ports;
    uint64_t summary_at; /* clock_now() */
};

/* Adds WORKER of the previous program: job, pid, server, store, slot, name, address, service and
 * logged are set. */
void datagram_workers_add(struct datagram_workers *workers, const struct datagram_worker *worker);

/*
 * Tells the workers of the previous program to end, since one may have a new address bound.
 * Datagrams that arrive meanwhile wait in the sockets.
 */
void datagram_workers_retire(struct datagram_workers *workers);

/* Starts a worker for each datagram listener; one that cannot be started now is tried again. */
void datagram_workers_start(struct datagram_workers *workers);

/* Tells all workers to end; those that do not are killed soon. */
void datagram_workers_stop(struct datagram_workers *workers);

void datagram_workers_close(struct datagram_workers *workers);

/* How many workers there are, including those that were told to end. */
size_t datagram_workers_live(const struct datagram_workers *workers);

/* The worker of JOB, or with the process ID PID; or NULL. */
struct datagram_worker *datagram_workers_find(const struct datagram_workers *workers, uint64_t job);
struct datagram_worker *datagram_workers_find_process(const struct datagram_workers *workers,
                                                      pid_t pid);

/* Sends pending signals to the workers of the fork server NUMBER, which holds their process IDs now
 * (worker_signals.h). */
void datagram_workers_signal_held(struct datagram_workers *workers, uint32_t number);

/* WORKER has ended with STATUS of wait(2). */
void datagram_workers_ended(struct datagram_workers *workers, struct datagram_worker *worker,
                            int status);

/* WORKER could not be forked: ERROR is an errno. */
void datagram_workers_failed(struct datagram_workers *workers, struct datagram_worker *worker,
                             int error);

/* Starts workers whose pause is over, kills those that do not end, writes the summaries. */
void datagram_workers_run(struct datagram_workers *workers, uint64_t now);

/* When that has something to do, clock_now(); UINT64_MAX: never. */
uint64_t datagram_workers_next(const struct datagram_workers *workers);

/* Logs the counts that were not logged yet, one record per socket. */
void datagram_workers_summarise(struct datagram_workers *workers);

/* The counts of WORKER and its predecessors. */
struct datagram_counters datagram_workers_counted(const struct datagram_workers *workers,
                                                  const struct datagram_worker *worker);

#endif
