/*
 * The steps of echoc path that use TCP connections: bulk data, and silence.
 */
#ifndef ECHOD_CLIENT_PATH_TRY_TCP_H
#define ECHOD_CLIENT_PATH_TRY_TCP_H

#include "client/path/path.h"

/* Tests whether ADDRESS echoes; if so, it becomes p->tcp. If not, that is a finding only if the
 * user NAMED the port. */
void path_find_tcp(struct path *p, const struct address *address, bool named);

/* Tests whether bulk data passes. */
void path_try_bulk(struct path *p);

/* Tests whether a connection survives being idle for p->opts->idle. */
void path_try_idle(struct path *p);

#endif
