/*
 * How soon a fresh fork server follows a crash: at once, unless there were many of late. A crash
 * that can be repeated would tell about the layout of the memory, bit by bit, if it stayed the
 * same.
 */
#ifndef ECHOD_DAEMON_SUPERVISE_RENEWAL_H
#define ECHOD_DAEMON_SUPERVISE_RENEWAL_H

#include <stdint.h>

/* When a fresh one may be started for a crash at NOW, of clock_now(), and is: it counts as started.
 * *FULL_AT is the memory of the earlier ones, 0 at first. */
uint64_t renewal_time(uint64_t *full_at, uint64_t now);

#endif
