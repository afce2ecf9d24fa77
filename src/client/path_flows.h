/*
 * What many flows show of a path.
 */
#ifndef ECHOD_CLIENT_PATH_FLOWS_H
#define ECHOD_CLIENT_PATH_FLOWS_H

#include "client/path.h"

/* Loss, order and duplicates over p->own->flows flows, and flows that lose everything. */
void path_try_flows(struct path *p);

#endif
