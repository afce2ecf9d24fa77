/*
 * What connections show of a path: much data, and silence.
 */
#ifndef ECHOD_CLIENT_PATH_TRY_TCP_H
#define ECHOD_CLIENT_PATH_TRY_TCP_H

#include "client/path/path.h"

/* Whether an echo comes from ADDRESS; if so it becomes p->tcp. If not, that is a
 * finding if the user NAMED the port. */
void path_find_tcp(struct path *p, const struct address *address, bool named);

/* Whether much data passes. */
void path_try_bulk(struct path *p);

/* Whether a connection that is idle for p->opts->idle is still there. */
void path_try_idle(struct path *p);

#endif
