/*
 * Children that ended: their sessions are explained, their places given back.
 */
#ifndef ECHOD_DAEMON_REAP_H
#define ECHOD_DAEMON_REAP_H

#include "daemon/server.h"

/* Takes the child PID, whose end was announced. */
void reap_one(struct server *server, pid_t pid);

/* Takes every child that has ended: for those whose signal the kernel could not queue
 * (RLIMIT_SIGPENDING). Its cost grows with the number of children. */
void reap_all(struct server *server);

#endif
