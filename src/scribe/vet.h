/*
 * What a worker sends to have a message stored (store.h). It has handled a client's bytes and is
 * not trusted.
 */
#ifndef ECHOD_SCRIBE_VET_H
#define ECHOD_SCRIBE_VET_H

#include <stddef.h>
#include <sys/types.h>

/*
 * Makes a record of the LEN bytes at DATA that the worker SENDER sent: an EVENT_MESSAGE whose text
 * begins with "message from ", as none of the daemon's does; time, priority and sender are what
 * the scribe knows, not what the worker says; other fields of its are kept if they are ECHOD_'s.
 * All is escaped again: whoever sent it may not have. Returns it, valid until the next call, and
 * its size in *SIZE.
 */
const char *vet_record(const char *data, size_t len, pid_t sender, size_t *size);

#endif
