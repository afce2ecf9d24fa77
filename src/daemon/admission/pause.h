/*
 * Pausing accept(2) while the system lacks descriptors, memory or processes.
 */
#ifndef ECHOD_DAEMON_ADMISSION_PAUSE_H
#define ECHOD_DAEMON_ADMISSION_PAUSE_H

#include "log/log.h"

struct accept_pause {
    uint64_t until; /* clock_now(); 0: there is none */
    uint64_t count; /* of the current shortage; 0: there is none */
    uint64_t job;   /* the last job before it: a later one that succeeds ends the shortage */
};

/* Pauses accepting because the system lacks WHAT, with ERROR. NEWEST is an ID larger than that of
 * any job so far. Logged once at the start and once at the end of each shortage. */
void pause_accepting(struct accept_pause *pause, struct log *log, uint64_t newest, const char *what,
                     int error);

/* Ends the shortage, if there is one. */
void resume_accepting(struct accept_pause *pause, struct log *log);

#endif
