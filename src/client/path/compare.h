/*
 * What a path did to the handshake of a TCP connection: what was sent and what arrived are
 * compared, and each difference is a sentence.
 */
#ifndef ECHOD_CLIENT_PATH_COMPARE_H
#define ECHOD_CLIENT_PATH_COMPARE_H

#include "client/path/findings.h"
#include "client/path/handshake.h"

/* PLAIN went out as usual, MARKED with another TTL and DSCP; both were answered. Returns the number
 * of hops, or -1 if it is not known. */
int path_compare(struct findings *f, const struct handshake *plain, const struct handshake *marked);

#endif
