/*
 * Datagram workers in what a daemon leaves to the next program (handover.h): a line for each.
 */
#ifndef ECHOD_DAEMON_DATAGRAM_DATAGRAM_HANDOVER_H
#define ECHOD_DAEMON_DATAGRAM_DATAGRAM_HANDOVER_H

#include "daemon/datagram/datagram_workers.h"

#include <stdio.h>

/* The longest line: an address, and a name and numbers. */
#define DATAGRAM_LINE_MAX (ADDRESS_TEXT_MAX + LISTENER_NAME_SIZE + 24 * (DATAGRAM_COUNTERS + 7))

void datagram_handover_write(const struct datagram_workers *workers, FILE *to);

/* Reads "datagram-slots ..." and "datagram-worker ...". Return 0, -EPROTO, or another -errno. */
int datagram_handover_read_slots(const char *line, struct datagram_workers *workers);
int datagram_handover_read_worker(const char *line, struct datagram_workers *workers);

#endif
