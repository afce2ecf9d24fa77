/*
 * The step of echoc path that uses many flows.
 */
#ifndef ECHOD_CLIENT_PATH_TRY_FLOWS_H
#define ECHOD_CLIENT_PATH_TRY_FLOWS_H

#include "client/path/path.h"

/* Tests for loss, reordering and duplicates over p->opts->flows flows, and for flows that lose
 * everything. */
void path_try_flows(struct path *p);

#endif
