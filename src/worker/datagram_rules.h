/*
 * Whom a datagram service answers. The source of a datagram can be forged, so each rule keeps an
 * answer from going where it would do harm: to another server, which would answer it in turn, or to
 * many hosts at once.
 */
#ifndef ECHOD_WORKER_DATAGRAM_RULES_H
#define ECHOD_WORKER_DATAGRAM_RULES_H

#include "ipc/job.h"
#include "ipc/datagram_counter.h"

/*
 * Judges a datagram over IP from SOURCE to the address TO (the family says that it is unknown, if
 * it is another), UNICAST unless the kernel knows TO to be broadcast. Both are normalised. Returns
 * why it must not be answered, or DATAGRAM_COUNTERS: it may be.
 *
 * - Ports below 1024 are those of services: chargen, DNS, another echo.
 * - One of OWN is most likely the other end of a loop: a server as this one, here or elsewhere.
 * - An answer to what was sent to many hosts is one of many; one to many hosts is many.
 */
enum datagram_counter datagram_judge(const struct ports *own, const struct address *source,
                                     const struct address *to, bool unicast);

#endif
