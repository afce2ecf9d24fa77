/*
 * getaddrinfo(3) with a deadline.
 */
#ifndef ECHOD_CLIENT_CONNECT_LOOKUP_H
#define ECHOD_CLIENT_CONNECT_LOOKUP_H

#include <netdb.h>
#include <stdint.h>

/*
 * Like getaddrinfo(3), but returns EAI_INPROGRESS at DEADLINE (by clock_now(); NEVER: no deadline).
 * Names are looked up in a thread, which outlives the deadline; numeric addresses need no thread.
 * With EAI_SYSTEM, errno is set. The caller frees *FOUND with freeaddrinfo(3).
 */
int lookup(const char *host, const char *service, const struct addrinfo *hints, uint64_t deadline,
           struct addrinfo **found);

#endif
