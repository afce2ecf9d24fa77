/*
 * The records about datagram workers: what they did, and how they ended.
 */
#ifndef ECHOD_DAEMON_DATAGRAM_LOG_H
#define ECHOD_DAEMON_DATAGRAM_LOG_H

#include "base/log.h"
#include "daemon/datagrams.h"

/* Whether STATUS, of wait(2), is the end of a worker that nobody asked to end. */
bool datagram_end_is_crash(int status);

/* WORKER, whose process ID was PID, ended with STATUS and, if that says so, ERROR, an errno.
 * Another one takes its place after its pause. */
void datagram_log_end(struct log *log, const struct datagram_worker *worker, pid_t pid, int status,
                      int error);

/* WORKER could not be forked, for the reason ERROR, -errno. */
void datagram_log_birth(struct log *log, const struct datagram_worker *worker, int error);

/* What WORKER, or those before it, have counted since the last such record. */
void datagram_log_counts(struct log *log, const struct datagram_worker *worker,
                         const struct tallies *tallies);

#endif
