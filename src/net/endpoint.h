/*
 * Turning the text of a configuration (an address, a host name, *) into addresses to bind.
 */
#ifndef ECHOD_NET_ENDPOINT_H
#define ECHOD_NET_ENDPOINT_H

#include "net/address.h"

#define NET_REASON_MAX 320

struct addresses {
    struct address *item; /* owned: free(3) */
    size_t count;
};

/*
 * Appends the addresses of HOST, with PORT, to LIST, without a lookup: a numeric address, or *
 * (0.0.0.0 and [::]). Returns 0, -EINVAL for a name, or -ENODEV if the network interface of a
 * link-local address does not exist.
 */
int endpoint_add(const char *host, uint16_t port, struct addresses *list);

/*
 * Looks up the host NAME, which may take seconds, and appends its addresses, with PORT. Returns 0,
 * or -ENOENT with a message in REASON (NET_REASON_MAX bytes).
 */
int endpoint_look_up(const char *name, uint16_t port, struct addresses *list, char *reason);

/* Appends the Unix address PATH, which must be valid. */
void endpoint_add_unix(const char *path, struct addresses *list);

#endif
