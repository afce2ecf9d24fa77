/*
 * The records about datagram workers: what they did, and how they ended.
 */
#ifndef ECHOD_DAEMON_DATAGRAM_DATAGRAM_LOG_H
#define ECHOD_DAEMON_DATAGRAM_DATAGRAM_LOG_H

#include "daemon/datagram/datagram_worker.h"
#include "log/log.h"

/* Whether STATUS, of wait(2), is the end of a worker that was not told to end. */
bool datagram_end_is_crash(int status);

/* Logs that WORKER ended with STATUS and the errno in SLOT, and when the next one starts. */
void datagram_log_end(struct log *log, const struct datagram_worker *worker, int status,
                      const struct slot *slot);

/* Logs that WORKER could not be forked because of ERROR, an errno. */
void datagram_log_failure(struct log *log, const struct datagram_worker *worker, int error);

/* Logs the counts of WORKER and its predecessors since the last such record. */
void datagram_log_counts(struct log *log, const struct datagram_worker *worker,
                         const struct datagram_counters *counters);

#endif
