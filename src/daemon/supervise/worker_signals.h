/*
 * Signals to workers. Only the fork server knows whether a process ID is still that of a worker: so
 * it is made to stop reaping first, and the signal is sent when it has confirmed that.
 */
#ifndef ECHOD_DAEMON_SUPERVISE_WORKER_SIGNALS_H
#define ECHOD_DAEMON_SUPERVISE_WORKER_SIGNALS_H

#include "daemon/session/roster.h"
#include "daemon/supervise/fork_servers.h"

/* Sends *SIGNAL, if it is not 0, to the worker PID of the fork server NUMBER: now, or once that
 * holds. PID 0 is not known yet. */
void worker_signal(struct fork_servers *fs, int *signal, pid_t pid, uint32_t number);

/* The same to the worker of CLIENT, or to all of ROSTER. */
void worker_signal_client(struct fork_servers *fs, struct client *client, int number);
void worker_signal_all(struct fork_servers *fs, struct roster *roster, int number);

/* Continues with pending signals of the previous program. */
void worker_signal_again(struct fork_servers *fs, struct roster *roster);

/* The fork server of the worker PID holds now: sends the pending signal; the same for all clients
 * of the fork server NUMBER. */
void worker_signal_held(int *signal, pid_t pid);
void worker_signal_held_clients(struct roster *roster, uint32_t number);

#endif
