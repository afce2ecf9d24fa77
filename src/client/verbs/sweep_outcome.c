#include "client/verbs/sweep_outcome.h"

#include <inttypes.h>
#include <stdio.h>

static const struct {
    const char *name, *text;
} outcomes[] = {
    [PASSES] = {"passes", "passes"},
    [LOST] = {"lost", "no reply: something on the path drops it silently (an MTU black hole?)"},
    [TRUNCATED] = {"truncated", "only part of it comes back"},
    [CORRUPTED] = {"corrupted", "it comes back corrupted"},
    [TOO_LARGE] = {"too_large", "our own system refuses it: larger than the known MTU"},
    [CLOSED] = {"closed", "the server closes the connection"},
    [REFUSED] = {"refused", "it is refused (is the server running?)"},
    [BROKEN] = {"broken", "the connection breaks"},
    [STOPPED] = {"stopped", "stopped"},
};

const char *sweep_outcome_name(enum sweep_outcome outcome)
{
    return outcomes[outcome].name;
}

bool sweep_outcome_is_reported(enum sweep_outcome outcome, const struct queued_error *reported)
{
    return reported->icmp && (outcome == REFUSED || outcome == BROKEN || outcome == TOO_LARGE);
}

const char *sweep_outcome_text(enum sweep_outcome outcome, const struct queued_error *reported,
                               char *buf)
{
    bool known = sweep_outcome_is_reported(outcome, reported);
    char from[ADDRESS_TEXT_MAX], words[QUEUED_ERROR_TEXT_MAX];

    if (known && reported->mtu > 0)
        snprintf(buf, SWEEP_OUTCOME_TEXT_MAX,
                 "too large for the path: %.100s reports an MTU of %" PRIu32,
                 address_host(&reported->from, from, sizeof(from)), reported->mtu);
    else if (known && outcome == REFUSED)
        snprintf(buf, SWEEP_OUTCOME_TEXT_MAX,
                 "it is refused, as %.100s reports (is the server running?)",
                 address_host(&reported->from, from, sizeof(from)));
    else if (known)
        snprintf(buf, SWEEP_OUTCOME_TEXT_MAX, "%s", error_queue_describe(reported, words));
    else
        snprintf(buf, SWEEP_OUTCOME_TEXT_MAX, "%s", outcomes[outcome].text);
    return buf;
}
