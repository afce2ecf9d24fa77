/*
 * Admission: its state, and whether it accepts clients now. It pauses while the system lacks
 * descriptors, memory or processes.
 */
#ifndef ECHOD_DAEMON_ADMISSION_ADMISSION_H
#define ECHOD_DAEMON_ADMISSION_ADMISSION_H

#include "daemon/admission/access.h"
#include "daemon/admission/waiting_list.h"
#include "daemon/session/sessions.h"
#include "daemon/supervise/jobs.h"

struct accept_pause {
    uint64_t until; /* clock_now(); 0: there is none */
    uint64_t count; /* of the current shortage; 0: there is none */
    uint64_t job;   /* the last job before it: a later one that succeeds ends the shortage */
};

struct admission {
    const struct settings *settings;
    struct sessions *sessions;
    struct jobs *jobs;
    struct log *log;
    struct access_policy policy;
    struct waiting_list waiting;
    struct accept_pause pause;
    bool closed; /* permanently: the daemon stops */
};

/* Whether to accept connections at NOW: admission is not closed or paused, and the server is not
 * full, or refuses clients when it is. */
bool admission_is_open(const struct admission *admission, uint64_t now);

/* Admits no more clients. */
void admission_close(struct admission *admission);

/* Stops accepting for a moment, because the system lacks WHAT, with ERROR, an errno. Logged once at
 * the start and once at the end of each shortage. */
void admission_pause(struct admission *admission, const char *what, int error);

/* JOB got a worker, which may end a shortage. */
void admission_started(struct admission *admission, uint64_t job);

/* When accepting resumes, or a client has waited long enough, clock_now(); UINT64_MAX: never. */
uint64_t admission_next(const struct admission *admission, uint64_t now);

#endif
