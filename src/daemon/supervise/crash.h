/*
 * Reaction to the crash of a worker.
 */
#ifndef ECHOD_DAEMON_SUPERVISE_CRASH_H
#define ECHOD_DAEMON_SUPERVISE_CRASH_H

#include "daemon/supervise/fork_servers.h"
#include "log/log.h"

/*
 * A worker of the fork server NUMBER, of a client or a datagram socket, ended with STATUS of
 * wait(2). If it crashed, somebody may be probing the memory layout that all workers of this fork
 * server share: the next workers get a new layout.
 */
void crash_follow(struct fork_servers *fs, struct log *log, uint32_t number, int status);

#endif
