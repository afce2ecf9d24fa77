/*
 * A pause in accepting, while the system lacks descriptors, memory or processes.
 */
#ifndef ECHOD_DAEMON_ADMISSION_PAUSE_H
#define ECHOD_DAEMON_ADMISSION_PAUSE_H

#include "log/log.h"

struct accept_pause {
    uint64_t until; /* clock_now(); 0: there is none */
    uint64_t count; /* of the current shortage; 0: there is none */
    uint64_t job;   /* the last job before it: one after it that is served ends it */
};

/* Stops accepting for a moment, as the system lacks WHAT, for the reason ERROR. NEWEST is an id
 * that no later job has. Logged once for each shortage, at its begin and end. */
void pause_accepting(struct accept_pause *pause, struct log *log, uint64_t newest, const char *what,
                     int error);

/* Ends the shortage, if there is one. */
void resume_accepting(struct accept_pause *pause, struct log *log);

#endif
