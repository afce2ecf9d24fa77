#include "ipc/datagram_counter.h"

#include <stddef.h>

const char *datagram_counter_clause(enum datagram_counter counter)
{
    static const char *const clauses[DATAGRAM_COUNTERS] = {
        [COUNTER_LOW_PORT] = "from a port below 1024",
        [COUNTER_OWN_PORT] = "from a port of echod itself",
        [COUNTER_NOT_UNICAST] = "broadcast or multicast",
        [COUNTER_DENIED] = "not allowed",
        [COUNTER_RATE] = "over the rate limit",
        [COUNTER_LOOP] = "repeated",
        [COUNTER_TOO_LONG] = "too long",
        [COUNTER_NOT_STORED] = "not stored",
        [COUNTER_UNNAMED] = "from an unnamed socket",
        [COUNTER_NOT_SENT] = "with a reply that could not be sent",
    };

    return clauses[counter];
}
