/*
 * The ID of a job: a number that is never used twice, whatever is reloaded, the index of its client
 * or datagram socket, and which of the two it is.
 */
#ifndef ECHOD_DAEMON_SESSION_JOB_ID_H
#define ECHOD_DAEMON_SESSION_JOB_ID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JOB_INDEX_BITS 24

/* Job NUMBER, of 1 and more, for INDEX. */
uint64_t job_id(uint64_t number, size_t index, bool datagrams);

size_t job_index(uint64_t job);
bool job_is_datagram(uint64_t job);

#endif
