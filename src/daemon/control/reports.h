/*
 * The reports of the daemon for echoctl(8) and for monitoring.
 *
 * Each line of a report is an object: "key=value" pairs separated by tabs; the values contain no
 * control characters.
 */
#ifndef ECHOD_DAEMON_CONTROL_REPORTS_H
#define ECHOD_DAEMON_CONTROL_REPORTS_H

#include "config/settings.h"
#include "daemon/datagram/datagram_workers.h"
#include "daemon/session/sessions.h"

#include <stdio.h>

/* The data of the reports. */
struct report_source {
    const struct server_settings *settings;
    const char *config; /* the path of its file */
    uint64_t started;   /* clock_now() */
    bool serving;       /* it is not stopping */
    const struct fork_servers *fork_servers;
    const struct sessions *sessions;
    const struct listeners *listeners;
    const struct datagram_workers *datagrams;
};

void report_status(const struct report_source *source, FILE *to);
void report_clients(const struct report_source *source, FILE *to);
void report_listeners(const struct report_source *source, FILE *to);
void report_datagrams(const struct report_source *source, FILE *to);

/* In the text format of Prometheus, as node_exporter's textfile collector reads it. */
void report_metrics(const struct report_source *source, FILE *to);

#endif
