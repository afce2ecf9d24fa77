/*
 * getaddrinfo(3) with a deadline.
 */
#ifndef ECHOD_CLIENT_CONNECT_LOOKUP_H
#define ECHOD_CLIENT_CONNECT_LOOKUP_H

#include <netdb.h>
#include <stdint.h>

/*
 * Like getaddrinfo(3), until DEADLINE (clock_now(); NEVER) at most: it is then EAI_INPROGRESS.
 * Names are looked up in a thread, which goes on by itself after the deadline; numbers take none.
 * errno is set for EAI_SYSTEM. The caller frees *FOUND by freeaddrinfo(3).
 */
int lookup(const char *host, const char *service, const struct addrinfo *hints, uint64_t deadline,
           struct addrinfo **found);

#endif
