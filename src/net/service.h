/*
 * The services, protocols and PROXY versions, and their names in a configuration.
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

/* A value and its name. A list ends with a NULL name. */
struct choice {
    const char *name;
    unsigned value;
};
extern const struct choice service_choices[];
extern const struct choice protocol_choices[];
extern const struct choice proxy_choices[];

/* Return the name of a service or protocol in a configuration; "?" if there is none. */
const char *service_name(unsigned service);
const char *protocol_name(unsigned protocol);

/* The socket type of a protocol (socket(2)), and whether it uses Unix sockets. */
int protocol_type(unsigned protocol);
bool protocol_is_unix(unsigned protocol);

#endif
