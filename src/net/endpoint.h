/*
 * From what an administrator writes (an address, a name, *) to the addresses to bind.
 */
#ifndef ECHOD_NET_ENDPOINT_H
#define ECHOD_NET_ENDPOINT_H

#include "net/address.h"

#define NET_REASON_MAX 256

struct addresses {
    struct address *item; /* owned: free(3) */
    size_t count;
};

/*
 * Appends to LIST what HOST stands for, with PORT: a numeric address, * (0.0.0.0 and [::]), or a
 * host name, which is looked up and may take seconds. Each address stands in LIST once.
 * Returns 0, or -ENOENT with a clause in REASON (NET_REASON_MAX bytes).
 */
int endpoint_resolve(const char *host, uint16_t port, struct addresses *list, char *reason);

/* Appends the Unix address PATH, which must be valid. */
void endpoint_add_unix(const char *path, struct addresses *list);

#endif
