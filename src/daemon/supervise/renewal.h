/*
 * How soon a new fork server follows a crash: at once, unless there were many recently. Repeated
 * crashes could reveal the memory layout bit by bit, so each layout sees only few crashes.
 * (Guessing a stack canary byte by byte takes about 900.)
 */
#ifndef ECHOD_DAEMON_SUPERVISE_RENEWAL_H
#define ECHOD_DAEMON_SUPERVISE_RENEWAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* When a new one may be started for a crash at NOW, of clock_now(); it counts as started. *FULL_AT
 * is the state of the bucket, 0 at first. */
uint64_t renewal_time(uint64_t *full_at, uint64_t now);

/* Whether a fork server with CRASHES crashed workers takes no more jobs, regardless of
 * renewal_time(). */
bool renewal_is_urgent(size_t crashes);

/* Whether even its remaining workers are killed: they are from before, or there was no place for a
 * new fork server. */
bool renewal_is_final(size_t crashes);

#endif
