/*
 * What datagram workers count (ipc/tally.h), as the daemon adds it up.
 */
#ifndef ECHOD_DAEMON_TALLIES_H
#define ECHOD_DAEMON_TALLIES_H

#include "log/record.h"
#include "ipc/slot.h"

struct tallies {
    uint64_t count[TALLY_COUNT];
};

/* What a worker has counted so far. */
struct tallies tallies_of(const struct slot *slot);

struct tallies tallies_sum(const struct tallies *a, const struct tallies *b);

/* A - B; where that is below zero it wraps, and a sum makes it whole again. */
struct tallies tallies_difference(const struct tallies *a, const struct tallies *b);

bool tallies_any(const struct tallies *tallies);

/* Datagrams that were not answered, for any reason. */
uint64_t tallies_unanswered(const struct tallies *tallies);

/* Appends the counts to TEXT, of SIZE bytes: "2 in, 1 out, 80 bytes in, 40 out; 1 too long". */
void tallies_format(const struct tallies *tallies, char *text, size_t size);

#endif
