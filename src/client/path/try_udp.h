/*
 * The steps of echoc path that use datagrams: sizes, and error reports.
 */
#ifndef ECHOD_CLIENT_PATH_TRY_UDP_H
#define ECHOD_CLIENT_PATH_TRY_UDP_H

#include "client/path/path.h"

/* Tests whether ADDRESS echoes datagrams; if so, it becomes p->udp. If not, that is a finding only
 * if the user NAMED the port. */
void path_find_udp(struct path *p, const struct address *address, bool named);

/* Finds the largest packet that passes, and whether datagrams are truncated. */
void path_try_sizes(struct path *p);

/* Tests whether routers on the path report errors (ICMP), by sending to ADDRESS with a TTL that
 * expires on the way. */
void path_try_reports(struct path *p, const struct address *address);

#endif
