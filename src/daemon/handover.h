/*
 * What a daemon leaves to the program that it becomes by exec(3), under the same process ID:
 * listeners, clients, slots and scribe. It travels as lines of text in a memfd, whose number is in
 * the environment, together with the descriptors that it names.
 */
#ifndef ECHOD_DAEMON_HANDOVER_H
#define ECHOD_DAEMON_HANDOVER_H

#include "daemon/server.h"

#define HANDOVER_VARIABLE "ECHOD_HANDOVER"
/* In a rehearsal: the descriptor to which the settings go that are good (config/transfer.h). */
#define REHEARSAL_VARIABLE "ECHOD_REHEARSAL"

/* Writes all that SERVER leaves. Returns a descriptor, close-on-exec, or -errno. */
int handover_write(const struct server *server);

/*
 * Lets the descriptors that are left to the next program pass an exec(3), FD, of
 * handover_write(), among them; or, with PASS false, takes that back.
 */
void handover_pass(const struct server *server, int fd, bool pass);

/* The descriptor that this program was left, or -1: it was started afresh. A variable that is no
 * echod's is told of on standard error, and passed over. */
int handover_find(void);

/* Of what FD, of handover_find(), names: the descriptor of the settings that the rehearsal handed
 * back, and where the scribe takes records; -1: there is none. */
int handover_settings(int fd);
int handover_records(int fd);

/*
 * Takes over what FD, of handover_find(), tells: everything in SERVER but the listeners, which are
 * added to PASSED. All of it becomes close-on-exec. Closes FD. Without SERVER, NULL, it is the
 * listeners only: for a rehearsal.
 * Returns 0, or -EPROTO where that is not what this version understands.
 */
int handover_read(int fd, struct server *server, struct inherited *passed);

/* The memory of the slots in the handover FD, which stays open: their descriptors, or -1, and how
 * many there are. */
struct handover_slots {
    int clients, datagrams;
    size_t client_count, datagram_count;
};
struct handover_slots handover_slots(int fd);

/* Has those on the doorstep survive an exec(3), or not: see client_handover.h. */
void handover_pass_waiting(const struct server *server, bool pass);

#endif
