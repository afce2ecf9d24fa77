/*
 * echoc ping --flows: round trips from many source ports at once.
 */
#ifndef ECHOD_CLIENT_PING_FLOWS_H
#define ECHOD_CLIENT_PING_FLOWS_H

#include "client/common.h"
#include "client/ping_options.h"

/* Pings as OPTIONS say, with OPTIONS->flows flows. Returns the exit status of the verb. */
int ping_flows(const struct common *common, const struct ping_options *options);

#endif
