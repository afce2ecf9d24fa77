/*
 * Admission: its state, and whether it accepts clients now.
 */
#ifndef ECHOD_DAEMON_ADMISSION_ADMISSION_H
#define ECHOD_DAEMON_ADMISSION_ADMISSION_H

#include "daemon/admission/access.h"
#include "daemon/admission/pause.h"
#include "daemon/admission/waiting_list.h"
#include "daemon/session/sessions.h"
#include "daemon/supervise/jobs.h"

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

/* Stops accepting for a moment (pause.h). */
void admission_pause(struct admission *admission, const char *what, int error);

/* JOB got a worker, which may end a shortage. */
void admission_started(struct admission *admission, uint64_t job);

/* When accepting resumes, or a client has waited long enough, clock_now(); UINT64_MAX: never. */
uint64_t admission_next(const struct admission *admission, uint64_t now);

#endif
