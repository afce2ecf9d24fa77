/*
 * What the service manager is told (sd_notify(3)). Without one, these do nothing.
 */
#ifndef ECHOD_DAEMON_NOTIFY_H
#define ECHOD_DAEMON_NOTIFY_H

#include <stddef.h>

/* The server listens: dependants may start. */
void notify_ready(size_t listeners);

void notify_stopping(void);

#endif
