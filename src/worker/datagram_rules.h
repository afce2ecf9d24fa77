/*
 * Which datagrams are answered. The source of a datagram can be forged, so these rules prevent
 * answers that would do harm: to another server, which would answer in turn, or to many hosts at
 * once.
 */
#ifndef ECHOD_WORKER_DATAGRAM_RULES_H
#define ECHOD_WORKER_DATAGRAM_RULES_H

#include "ipc/job.h"
#include "ipc/datagram_counter.h"

/*
 * Judges a datagram over IP from SOURCE to the address TO (unknown if its family is not IP).
 * UNICAST is false if TO is a broadcast or multicast address for the kernel. Both are normalised.
 * Returns why it must not be answered, or DATAGRAM_COUNTERS if it may be.
 *
 * - Ports below 1024 are those of services: chargen, DNS, another echo.
 * - A source port in OWN is most likely the other end of a loop: another echod, here or elsewhere.
 * - Datagrams to many hosts would cause many answers; an answer must not go to many hosts.
 */
enum datagram_counter datagram_judge(const struct ports *own, const struct address *source,
                                     const struct address *to, bool unicast);

#endif
