/*
 * The content of the handover (handover.h): which part is written in which lines.
 */
#ifndef ECHOD_DAEMON_STATE_H
#define ECHOD_DAEMON_STATE_H

#include "daemon/daemon.h"

/* Writes the state of D to HANDOVER, which the caller closes. Waiting clients are included only if
 * it is FINAL: a dry run would keep their connections open. Returns 0 or -errno. */
int state_save(const struct daemon *d, struct handover *handover, bool final);

/*
 * Takes over what FD, of handover_find(), names: everything in D but the listeners, which are
 * added to INHERITED. Closes FD. Returns 0, or -EPROTO where that is not what this version
 * understands, or another -errno.
 */
int state_restore(struct daemon *d, int fd, struct inherited *inherited);

#endif
