/*
 * Datagram workers in the handover (handover.h): one line each.
 */
#ifndef ECHOD_DAEMON_DATAGRAM_DATAGRAM_HANDOVER_H
#define ECHOD_DAEMON_DATAGRAM_DATAGRAM_HANDOVER_H

#include "daemon/datagram/datagram_workers.h"
#include "daemon/process/handover.h"

/* The longest line: an address, and a name and numbers. */
#define DATAGRAM_LINE_MAX (ADDRESS_TEXT_MAX + LISTENER_NAME_SIZE + 24 * (DATAGRAM_COUNTERS + 7))

void datagram_workers_save(const struct datagram_workers *workers, struct handover *handover);

/* Reads "datagram-slots ..." and "datagram-worker ...". Return 0, -EPROTO, or another -errno. */
int datagram_workers_restore_slots(const char *line, struct datagram_workers *workers);
int datagram_workers_restore_worker(const char *line, struct datagram_workers *workers);

#endif
