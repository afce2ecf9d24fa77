/*
 * Compares the handshake of a TCP connection as it was sent and as it arrived, to find out what the
 * path changed.
 */
#ifndef ECHOD_CLIENT_PATH_COMPARE_H
#define ECHOD_CLIENT_PATH_COMPARE_H

#include "client/path/findings.h"
#include "client/path/handshake.h"

/* Adds a finding for each difference. PLAIN was sent as usual, MARKED with another TTL and DSCP;
 * both were answered. Returns the number of hops; -1: not known. */
int path_compare(struct findings *f, const struct handshake *plain, const struct handshake *marked);

#endif
