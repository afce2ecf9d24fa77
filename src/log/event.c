#include "log/event.h"

static const struct event_meaning meanings[EVENT_COUNT] = {
    [EVENT_SESSION] = {"session", "fccc96cef52a425aa05b250af61d6d0f"},
    [EVENT_CRASH] = {"crash", "2ff207dd925840ea9b59a2e90bf38479"},
    [EVENT_REFUSED] = {"refused", "6465b6c373974d20b6db5d9001e9ba56"},
    [EVENT_SUMMARY] = {"summary", "54d8732d7386414bbe24da107d3db170"},
    [EVENT_MESSAGE] = {"message", "94967ff70f7b426cab8c78a1792fc1df"},
    [EVENT_LISTENER_UP] = {"listener-up", "078c81ebfd144ad29b0005c9e39f073a"},
    [EVENT_LISTENER_DOWN] = {"listener-down", "58f105426f8a4c7eb0c2fbed8049e8da"},
    [EVENT_PAUSED] = {"paused", "0b1d12fe0ef140d69f4e4997fffa31f4"},
    [EVENT_RESUMED] = {"resumed", "02d51b064a344ce9bfe5fd3cf4f5783e"},
    [EVENT_LISTENER_PAUSED] = {"listener-paused", "30052826654349e4902940a6541bb034"},
    [EVENT_LISTENER_RESUMED] = {"listener-resumed", "e336c2b593664eb184bef93c2984b32e"},
    [EVENT_REQUESTED] = {"asked", "a6baeeefffdf47d7ae757f0862f2e654"},
    [EVENT_RELOADED] = {"reloaded", "f8e0cbc1723744d795490065510e4b70"},
    [EVENT_NOT_RELOADED] = {"not-reloaded", "bf2fa41a0639447eb838679a8b51e831"},
    [EVENT_DROPPED] = {"dropped", "b71b7471ca51458a95b9ea3d7ec1e4f3"},
    [EVENT_DATAGRAMS] = {"datagrams", "b116ae1d4b574c798b30d61f4358e39d"},
    [EVENT_RESTART] = {"restart", "b3d3bb9dad9149128e1efb2708fa931c"},
    [EVENT_NOT_GENERATED] = {"not-generated", "d5742edd94b340e1a991fd830c4d2e1f"},
};

const struct event_meaning *event_meaning(enum event event)
{
    return &meanings[event];
}
