/*
 * The clients that are served: what fork servers report of their workers, the signals that these
 * get, and their ends.
 */
#ifndef ECHOD_DAEMON_CLIENTS_H
#define ECHOD_DAEMON_CLIENTS_H

#include "daemon/server.h"

/*
 * Sends the worker of CLIENT, or of a datagram socket, the signal NUMBER. Only its fork server
 * knows whether a process ID is still that of the worker: so it is asked first to give none back,
 * and the signal is sent as it says that it does not.
 */
void clients_signal(struct server *server, struct client *client, int number);
void clients_signal_datagrams(struct server *server, struct datagram_worker *worker, int number);

/* Goes on with signals that the program before had still to send. */
void clients_signal_again(struct server *server);

/* The client that the list shows with the worker PID, or NULL. (Its start may be unreported still.)
 */
struct client *clients_find(struct server *server, pid_t pid);

/* Waits until datagram workers that were asked to end have done so, until DEADLINE at most. */
void clients_await_datagrams(struct server *server, uint64_t deadline);

/* Takes all that fork servers have reported. */
void clients_take_reports(struct server *server);

/* PID has ended with STATUS of wait(2), and is a worker whose fork server was killed: this process
 * is its parent now. Returns whether it is one. */
bool clients_take_orphan(struct server *server, pid_t pid, int status);

/* A worker of the fork server NUMBER, of a client or of a datagram socket, ended with STATUS of
 * wait(2). If it crashed, that may have been meant to tell about the memory of all workers of that
 * fork server: the next ones have another layout. */
void clients_follow_crash(struct server *server, uint32_t number, int status);

/* Goes on with the jobs of fork servers that have ended: the next one gets those that are unread,
 * and sessions end whose worker nobody can tell of any more. */
void clients_settle(struct server *server);

#endif
