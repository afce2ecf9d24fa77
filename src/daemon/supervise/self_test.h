/*
 * The first worker: the daemon is its client. What a kernel or a container refuses shows before
 * there are others.
 */
#ifndef ECHOD_DAEMON_SUPERVISE_SELF_TEST_H
#define ECHOD_DAEMON_SUPERVISE_SELF_TEST_H

#include "daemon/session/slots.h"
#include "daemon/supervise/jobs.h"
#include "log/log.h"

/* Waits until the fork server of JOBS is ready and a worker of its has echoed a byte. Logs what is
 * wrong, and what of its protections is missing. Returns 0 or an exit status. */
int self_test(struct jobs *jobs, struct slots *slots, struct log *log);

#endif
