/*
 * Datagram workers in what a daemon leaves to the next program (handover.h): a line for each.
 */
#ifndef ECHOD_DAEMON_DATAGRAM_HANDOVER_H
#define ECHOD_DAEMON_DATAGRAM_HANDOVER_H

#include "daemon/datagrams.h"

#include <stdio.h>

/* The longest line: an address, and a name and numbers. */
#define DATAGRAM_LINE_MAX (ADDRESS_TEXT_MAX + LISTENER_NAME_SIZE + 24 * (TALLY_COUNT + 7))

void datagram_handover_write(const struct datagrams *datagrams, FILE *to);

/* Reads "datagram-slots ..." and "datagram-worker ...". Return 0, -EPROTO, or another -errno. */
int datagram_handover_read_slots(const char *line, struct datagrams *datagrams);
int datagram_handover_read_worker(const char *line, struct datagrams *datagrams);

#endif
