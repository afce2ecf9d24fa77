/*
 * How soon a fresh fork server follows a crash: at once, unless there were many of late. A crash
 * that can be repeated would tell about the layout of the memory, bit by bit, if it stayed the
 * same: so one layout sees few crashes, however fast they come. (Guessing a stack canary byte by
 * byte takes some 900.)
 */
#ifndef ECHOD_DAEMON_SUPERVISE_RENEWAL_H
#define ECHOD_DAEMON_SUPERVISE_RENEWAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* When a fresh one may be started for a crash at NOW, of clock_now(), and is: it counts as started.
 * *FULL_AT is the memory of the earlier ones, 0 at first. */
uint64_t renewal_time(uint64_t *full_at, uint64_t now);

/* Whether a fork server of which CRASHES workers crashed takes no more jobs, whatever
 * renewal_time() says. */
bool renewal_is_urgent(size_t crashes);

/* Whether even those of its workers that are left are to end: they were there before, or there was
 * no place for a fresh fork server. */
bool renewal_is_final(size_t crashes);

#endif
