/*
 * Checks the records that workers send (store.h). A worker has processed data from a client, and is
 * not trusted.
 */
#ifndef ECHOD_SCRIBE_VET_H
#define ECHOD_SCRIBE_VET_H

#include <stddef.h>
#include <sys/types.h>

/*
 * Makes a record of the LEN bytes at DATA from the worker SENDER: an EVENT_MESSAGE whose text
 * begins with "message from ", as no record of the daemon does. Time, priority and sender are set
 * by the scribe; other fields are kept if they begin with ECHOD_. Everything is escaped again,
 * since the worker may not have done so. Returns the record, valid until the next call, and its
 * size in *SIZE.
 */
const char *vet_record(const char *data, size_t len, pid_t sender, size_t *size);

#endif
