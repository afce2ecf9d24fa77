/*
 * What follows when a worker has crashed.
 */
#ifndef ECHOD_DAEMON_SUPERVISE_CRASH_H
#define ECHOD_DAEMON_SUPERVISE_CRASH_H

#include "daemon/supervise/fork_servers.h"
#include "log/log.h"

/*
 * A worker of the fork server NUMBER, of a client or of a datagram socket, ended with STATUS of
 * wait(2). If it crashed, that may have been meant to tell about the memory of all workers of that
 * fork server: the next ones have another layout.
 */
void crash_follow(struct fork_servers *fs, struct log *log, uint32_t number, int status);

#endif
