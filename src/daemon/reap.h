/*
 * The children of the daemon that ended: fork servers and scribe, the dry run of a reload, the
 * writer of the metrics, and workers whose fork server was killed.
 */
#ifndef ECHOD_DAEMON_REAP_H
#define ECHOD_DAEMON_REAP_H

#include "daemon/server.h"

/* Takes every child that has ended. */
void reap_all(struct server *server);

#endif
