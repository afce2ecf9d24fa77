/*
 * Who gets in: what admission knows, and whether it takes clients now.
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
    bool closed; /* for good: the daemon stops */
};

/* Whether connections are wanted at NOW: it is not closed, nothing is short, and either there is
 * room or clients are refused with words. */
bool admission_is_open(const struct admission *admission, uint64_t now);

/* Lets nobody in from here on. */
void admission_close(struct admission *admission);

/* Stops accepting for a moment (pause.h). */
void admission_pause(struct admission *admission, const char *what, int error);

/* JOB was given a worker: that may end a shortage. */
void admission_started(struct admission *admission, uint64_t job);

/* When it opens again, or somebody has waited long enough, clock_now(); UINT64_MAX: never. */
uint64_t admission_next(const struct admission *admission, uint64_t now);

#endif
