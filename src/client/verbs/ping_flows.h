/*
 * echoc ping --flows: round trips from many source ports at once.
 */
#ifndef ECHOD_CLIENT_VERBS_PING_FLOWS_H
#define ECHOD_CLIENT_VERBS_PING_FLOWS_H

#include "client/command/common_options.h"
#include "client/verbs/ping_options.h"

/* Runs ping with OPTIONS->flows flows. Returns the exit status. */
int ping_flows(const struct common_options *common, const struct ping_options *options);

#endif
