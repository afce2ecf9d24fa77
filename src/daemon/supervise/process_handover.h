/*
 * Fork servers and scribe in the handover (handover.h): one line each, and one per connection.
 */
#ifndef ECHOD_DAEMON_SUPERVISE_PROCESS_HANDOVER_H
#define ECHOD_DAEMON_SUPERVISE_PROCESS_HANDOVER_H

#include "daemon/process/handover.h"
#include "daemon/supervise/jobs.h"

/* Writes those that JOBS are for. */
void processes_save(const struct jobs *jobs, struct handover *handover);

/* Reads LINE, if it is one of those. Returns 0, -EPROTO, or another -errno. */
int processes_restore(struct jobs *jobs, const struct title *title, const char *line);

/* The end of the record queue in the handover FD, which stays open; -1: unknown. */
int processes_find_records(int fd);

#endif
