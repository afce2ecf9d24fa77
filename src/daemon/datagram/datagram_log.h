/*
 * The records about datagram workers: what they did, and how they ended.
 */
#ifndef ECHOD_DAEMON_DATAGRAM_DATAGRAM_LOG_H
#define ECHOD_DAEMON_DATAGRAM_DATAGRAM_LOG_H

#include "daemon/datagram/datagram_worker.h"
#include "log/log.h"

/* Whether STATUS, of wait(2), is the end of a worker that nobody asked to end. */
bool datagram_end_is_crash(int status);

/* WORKER ended with STATUS and what SLOT says of that. Another one takes its place after its pause.
 */
void datagram_log_end(struct log *log, const struct datagram_worker *worker, int status,
                      const struct slot *slot);

/* WORKER could not be forked, for the reason ERROR, an errno. */
void datagram_log_failure(struct log *log, const struct datagram_worker *worker, int error);

/* What WORKER, or those before it, have counted since the last such record. */
void datagram_log_counts(struct log *log, const struct datagram_worker *worker,
                         const struct datagram_counters *counters);

#endif
