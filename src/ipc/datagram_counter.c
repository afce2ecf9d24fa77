#include "ipc/datagram_counter.h"

#include <stddef.h>

const char *datagram_counter_clause(enum datagram_counter counter)
{
    static const char *const clauses[DATAGRAM_COUNTERS] = {
        [COUNTER_LOW_PORT] = "from a port below 1024",
        [COUNTER_OWN_PORT] = "from a port that is ours",
        [COUNTER_NOT_UNICAST] = "from or to more than one host",
        [COUNTER_DENIED] = "not allowed",
        [COUNTER_RATE] = "beyond the rate of its source",
        [COUNTER_LOOP] = "the same again and again",
        [COUNTER_TOO_LONG] = "too long",
        [COUNTER_NOT_STORED] = "not stored",
        [COUNTER_UNNAMED] = "from a socket without a name",
        [COUNTER_NOT_SENT] = "with an answer that could not be sent",
    };

    return clauses[counter];
}
