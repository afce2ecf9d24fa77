/*
 * The services, the protocols and the PROXY versions, and what they are called in a configuration.
 */
#ifndef ECHOD_NET_SERVICE_H
#define ECHOD_NET_SERVICE_H

#include <stdbool.h>

enum protocol {
    PROTOCOL_TCP,
    PROTOCOL_UDP,
    PROTOCOL_UNIX,
    PROTOCOL_UNIX_DGRAM,
    PROTOCOL_UNIX_SEQPACKET,
};
enum proxy_protocol { PROXY_NO, PROXY_V1, PROXY_V2, PROXY_ANY };
enum service {
    SERVICE_ECHO,
    SERVICE_MESSAGE,
    SERVICE_DISCARD,
    SERVICE_DAYTIME,
    SERVICE_CHARGEN,
    SERVICE_WHOAMI,
};

/* The name of a listener: 32 bytes and a NUL. */
#define LISTENER_NAME_SIZE 33

/* A value and its name; the last one of a list has no name, NULL. */
struct choice {
    const char *name;
    unsigned value;
};
extern const struct choice service_choices[];
extern const struct choice protocol_choices[];
extern const struct choice proxy_choices[];

/* The name of a service, or a protocol, as it is configured; "?" for what is none. */
const char *service_name(unsigned service);
const char *protocol_name(unsigned protocol);

/* The type of the sockets of a protocol, as socket(2) takes it; and whether they are Unix sockets.
 */
int protocol_type(unsigned protocol);
bool protocol_is_unix(unsigned protocol);

#endif
