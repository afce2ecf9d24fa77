/*
 * What many flows show of a path.
 */
#ifndef ECHOD_CLIENT_PATH_TRY_FLOWS_H
#define ECHOD_CLIENT_PATH_TRY_FLOWS_H

#include "client/path/path.h"

/* Loss, order and duplicates over p->opts->flows flows, and flows that lose everything. */
void path_try_flows(struct path *p);

#endif
