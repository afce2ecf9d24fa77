#include "net/service.h"

#include <stddef.h>
#include <sys/socket.h>

const struct choice protocol_choices[] = {
    {"tcp", PROTOCOL_TCP},
    {"udp", PROTOCOL_UDP},
    {"unix", PROTOCOL_UNIX},
    {"unix-dgram", PROTOCOL_UNIX_DGRAM},
    {"unix-seqpacket", PROTOCOL_UNIX_SEQPACKET},
    {NULL, 0},
};
const struct choice service_choices[] = {
    {"echo", SERVICE_ECHO},
    {"message", SERVICE_MESSAGE},
    {"discard", SERVICE_DISCARD},
    {"daytime", SERVICE_DAYTIME},
    {"chargen", SERVICE_CHARGEN},
    {"whoami", SERVICE_WHOAMI},
    {NULL, 0},
};
const struct choice proxy_choices[] = {
    {"no", PROXY_NO}, {"v1", PROXY_V1}, {"v2", PROXY_V2}, {"any", PROXY_ANY}, {NULL, 0},
};

static const char *name_of(const struct choice *choices, unsigned value)
{
    for (const struct choice *c = choices; c->name; c++)
        if (c->value == value)
            return c->name;
    return "?";
}

const char *service_name(unsigned service)
{
    return name_of(service_choices, service);
}

const char *protocol_name(unsigned protocol)
{
    return name_of(protocol_choices, protocol);
}

int protocol_type(unsigned protocol)
{
    switch ((enum protocol)protocol) {
    case PROTOCOL_TCP:
    case PROTOCOL_UNIX:
        break;
    case PROTOCOL_UDP:
    case PROTOCOL_UNIX_DGRAM:
        return SOCK_DGRAM;
    case PROTOCOL_UNIX_SEQPACKET:
        return SOCK_SEQPACKET;
    }
    return SOCK_STREAM;
}

bool protocol_is_unix(unsigned protocol)
{
    return protocol != PROTOCOL_TCP && protocol != PROTOCOL_UDP;
}
