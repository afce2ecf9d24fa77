/*
 * The self test: the daemon is the first client, so that restrictions of a kernel or a container
 * show before there are others.
 */
#ifndef ECHOD_DAEMON_SUPERVISE_SELF_TEST_H
#define ECHOD_DAEMON_SUPERVISE_SELF_TEST_H

#include "daemon/session/slots.h"
#include "daemon/supervise/jobs.h"
#include "log/log.h"

/* Waits until the fork server of JOBS is ready and a worker has echoed a byte. Logs errors and
 * missing protections. Returns 0 or an exit status. */
int self_test(struct jobs *jobs, struct slots *slots, struct log *log);

#endif
