#include "client/verbs/passage.h"

#include <inttypes.h>
#include <stdio.h>

static const struct {
    const char *name, *told;
} passages[] = {
    [PASSES] = {"passes", "passes"},
    [LOST] = {"lost",
              "no reply: something on the way drops it without a word (an MTU black hole?)"},
    [TRUNCATED] = {"truncated", "only a part of it comes back"},
    [CORRUPTED] = {"corrupted", "it comes back corrupted"},
    [TOO_LARGE] = {"too_large", "our own system refuses it: larger than the MTU that it knows"},
    [CLOSED] = {"closed", "the server closes the connection"},
    [REFUSED] = {"refused", "it is refused (is the server running?)"},
    [BROKEN] = {"broken", "the connection breaks"},
    [STOPPED] = {"stopped", "stopped"},
};

const char *passage_name(enum passage passage)
{
    return passages[passage].name;
}

bool passage_is_reported(enum passage passage, const struct queued_error *reported)
{
    return reported->icmp && (passage == REFUSED || passage == BROKEN || passage == TOO_LARGE);
}

const char *passage_words(enum passage passage, const struct queued_error *reported, char *buf)
{
    bool known = passage_is_reported(passage, reported);
    char from[ADDRESS_TEXT_MAX], words[QUEUED_ERROR_TEXT_MAX];

    if (known && reported->mtu > 0)
        snprintf(buf, PASSAGE_WORDS_MAX,
                 "too large for the path: %.100s reports an MTU of %" PRIu32,
                 address_host(&reported->from, from, sizeof(from)), reported->mtu);
    else if (known && passage == REFUSED)
        snprintf(buf, PASSAGE_WORDS_MAX,
                 "it is refused, as %.100s reports (is the server running?)",
                 address_host(&reported->from, from, sizeof(from)));
    else if (known)
        snprintf(buf, PASSAGE_WORDS_MAX, "%s", error_queue_words(reported, words));
    else
        snprintf(buf, PASSAGE_WORDS_MAX, "%s", passages[passage].told);
    return buf;
}
