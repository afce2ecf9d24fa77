/*
 * The settings: the value of each option, from a file or by default.
 */
#ifndef ECHOD_CONFIG_SETTINGS_H
#define ECHOD_CONFIG_SETTINGS_H

#include "base/text.h"
#include "config/problems.h"
#include "config/values.h"
#include "net/rate.h"
#include "net/service.h"

#include <stdint.h>
#include <stdio.h>

enum when_full { WHEN_FULL_REFUSE, WHEN_FULL_QUEUE };

/* Time spans are in microseconds, with 0 for "never". Limits are counts, with 0 for "no limit". */
struct server_settings {
    uint64_t max_clients;
    uint64_t max_per_source;
    struct source_prefix source_prefix;
    struct rate source_rate;
    uint64_t crash_penalty;
    unsigned when_full; /* enum when_full */
    uint64_t reserved;  /* of max_clients, for those in: */
    struct cidrs monitor;
    uint64_t idle_timeout;
    uint64_t session_timeout;
    uint64_t keepalive;
    uint64_t drain_timeout;
    bool log_sessions;
    unsigned log_level;       /* a priority of syslog(3) */
    struct text metrics_file; /* an absolute path; empty: none */
    bool core_dumps;
};

struct listen_settings {
    const char *name;
    struct words addresses;
    uint16_t port;
    unsigned protocol; /* enum protocol */
    unsigned mode;     /* permission bits of a Unix socket's file */
    bool reuse_port;
    unsigned service; /* enum service */
    struct text greeting;
    struct text reply;
    uint64_t max_message; /* bytes */
    uint64_t max_messages;
    uint64_t message_pause;
    struct cidrs allow;
    struct cidrs deny;
    unsigned proxy_protocol; /* enum proxy_protocol */
    struct cidrs proxy_trust;
    struct rate datagram_rate; /* of each source */
};

/* A section as it was read: the values of its kind of struct, and where each came from. */
struct section {
    enum section_kind { SECTION_SERVER, SECTION_LISTEN } kind;
    char *name;             /* "server", "listen local" */
    struct origin declared; /* its first header */
    void *values;
    struct origin *origins; /* one per row of the option table, of all sections */
};

struct settings {
    struct server_settings *server;
    struct listen_settings **listens; /* in the order of the file */
    size_t listen_count;
    struct section *sections; /* [0] is [server] */
    size_t section_count;
    char **files; /* the files that were read; origins point to these names */
    size_t file_count;
};

#endif
