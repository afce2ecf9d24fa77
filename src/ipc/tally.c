#include "ipc/tally.h"

#include <stddef.h>

const char *tally_clause(enum tally tally)
{
    static const char *const clauses[TALLY_COUNT] = {
        [TALLY_LOW_PORT] = "from a port below 1024",
        [TALLY_OWN_PORT] = "from a port that is ours",
        [TALLY_NOT_UNICAST] = "from or to more than one host",
        [TALLY_DENIED] = "not allowed",
        [TALLY_RATE] = "beyond the rate of its source",
        [TALLY_LOOP] = "the same again and again",
        [TALLY_TOO_LONG] = "too long",
        [TALLY_NOT_STORED] = "not stored",
        [TALLY_UNNAMED] = "from a socket without a name",
        [TALLY_NOT_SENT] = "with an answer that could not be sent",
    };

    return clauses[tally];
}
