/*
 * What datagrams show of a path: sizes, and who reports errors.
 */
#ifndef ECHOD_CLIENT_PATH_TRY_UDP_H
#define ECHOD_CLIENT_PATH_TRY_UDP_H

#include "client/path/path.h"

/* Whether datagrams come back from ADDRESS; if so it becomes p->udp. Without an answer that is a
 * finding if the user NAMED the port. */
void path_find_udp(struct path *p, const struct address *address, bool named);

/* Finds the largest packet that passes, and whether datagrams are truncated. */
void path_try_sizes(struct path *p);

/* Whether routers on the path report errors (ICMP): sends to ADDRESS, with a TTL that expires. */
void path_try_reports(struct path *p, const struct address *address);

#endif
