/*
 * The fork server: takes jobs from the daemon, forks a worker for each, and reports its end.
 */
#ifndef ECHOD_FORKSERVER_FORKSERVER_H
#define ECHOD_FORKSERVER_FORKSERVER_H

#include "base/title.h"

/* The descriptor of the channel when the daemon executes this program. */
#define FORKSERVER_CHANNEL 0

/*
 * Serves CHANNEL (ipc/job.h, ipc/report.h), whose first message is the setup, until the daemon is
 * gone. Returns an exit status.
 */
int forkserver_run(int channel, const struct title *title);

#endif
