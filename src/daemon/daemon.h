/*
 * The state of the daemon.
 */
#ifndef ECHOD_DAEMON_DAEMON_H
#define ECHOD_DAEMON_DAEMON_H

#include "base/title.h"
#include "config/settings.h"
#include "daemon/admission/admission.h"
#include "daemon/control/control_socket.h"
#include "daemon/control/metrics_file.h"
#include "daemon/datagram/datagram_workers.h"
#include "daemon/listen/listeners.h"
#include "daemon/process/notify.h"
#include "daemon/process/signals.h"
#include "daemon/reload/reload.h"
#include "daemon/session/sessions.h"
#include "daemon/supervise/fork_servers.h"
#include "daemon/supervise/jobs.h"
#include "daemon/supervise/scribe_process.h"
#include "log/log.h"
#include "log/log_limit.h"

enum phase {
    PHASE_SERVING,
    PHASE_DRAINING, /* no new clients; current ones have until the deadline */
    PHASE_ENDING,   /* all workers were told to end */
    PHASE_KILLING,  /* the remaining workers were killed */
};

struct daemon {
    const struct settings *settings;
    const struct title *title;
    struct log log;
    struct scribe_process scribe;
    struct fork_servers fork_servers;
    struct jobs jobs;
    /* The running program; while a handover is read, the previous one. */
    struct file_identity program_file;
    int doorbell; /* rung by workers that have a question (ipc/slot.h) */
    struct signals signals;
    struct listeners listeners;
    struct admission admission;
    struct sessions sessions;
    struct datagram_workers datagrams;
    struct notifier notifier;
    struct log_limit log_limit;
    struct session_log session_log;
    struct metrics_file metrics;
    enum phase phase;
    uint64_t phase_deadline; /* clock_now() of the next phase; 0: none */
    uint64_t sample_at;      /* of the next check for idle clients, while draining; 0: none */
    bool start_failed;       /* starting a fork server failed, and that was logged */
    uint64_t started;        /* clock_now(); not changed by a reload */
    bool rejected; /* the last reload was rejected: the running configuration differs from the files
                    */
    struct counters counters;
    struct control control;
    struct reload reload;
    const char *program; /* the installed echod, and its configuration, for a reload */
    const char *config;
    const char *pid_path; /* NULL: no pid file */
    int pid_file;         /* its descriptor, which holds the lock; -1: none */
};

#endif
