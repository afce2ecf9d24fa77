/*
 * A reload from its request to its end: the dry run, and then the exec of the installed program in
 * place of this one.
 */
#ifndef ECHOD_DAEMON_TAKEOVER_H
#define ECHOD_DAEMON_TAKEOVER_H

#include "daemon/daemon.h"

/* Requests a reload. WAITER: see reload_request(). */
void takeover_request(struct daemon *d, int waiter);

/* Takes the end of PID, with STATUS of wait(2), if it is the dry run. Returns whether it was; does
 * not return if the new program takes over. */
bool takeover_dry_run_ended(struct daemon *d, pid_t pid, int status);

/* In the new program: logs the reload, and replies to the requester. STATUS is 0, or that of
 * listeners_open(). */
void takeover_announce(struct daemon *d, int status);

#endif
