/*
 * How a worker has a message stored: it asks the scribe and waits for the answer.
 */
#ifndef ECHOD_SCRIBE_STORE_H
#define ECHOD_SCRIBE_STORE_H

#include "base/record.h"

#include <stdint.h>

/*
 * Sends RECORD over CHANNEL (messages_out of the scribe) and waits until it is stored, at most
 * TIMEOUT microseconds in all. A scribe that dies over it is asked again when it is replaced, so
 * a record can be stored twice, but none that this function reports as stored is lost.
 * Returns 0, -ETIMEDOUT, or the -errno of the sink.
 */
int store_record(int channel, const struct record *record, uint64_t timeout);

#endif
