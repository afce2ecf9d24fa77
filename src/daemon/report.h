/*
 * What the daemon tells of itself, to echoctl(8) and to monitoring.
 *
 * Each line of a report is an object: "key=value" pairs separated by tabs, the values free of
 * control characters.
 */
#ifndef ECHOD_DAEMON_REPORT_H
#define ECHOD_DAEMON_REPORT_H

#include "daemon/server.h"

#include <stdio.h>

void report_status(struct server *server, FILE *to);
void report_clients(struct server *server, FILE *to);
void report_listeners(struct server *server, FILE *to);
void report_datagrams(struct server *server, FILE *to);

/* In the text format of Prometheus, as node_exporter's textfile collector reads it. */
void report_metrics(struct server *server, FILE *to);

#endif
