/*
 * Storing messages: each worker has its own connection to the scribe. The daemon makes it and keeps
 * a copy of the scribe's end, so that no other worker can reach it, and a record that one scribe
 * has not handled waits for the next.
 */
#ifndef ECHOD_IPC_STORE_H
#define ECHOD_IPC_STORE_H

#include "log/record.h"

#include <stdint.h>
#include <sys/types.h>

/* The largest record: a message, escaped, and its fields. */
#define STORE_RECORD_MAX (5 * 65536)

/* Before each record, and in the answer to it. */
struct store_head {
    uint32_t id;
    int32_t error; /* in an answer: 0, or the errno of the sink */
};

struct store {
    int fd;        /* the worker's end; -1: it stores nothing */
    uint32_t last; /* the id of the last record */
};

/* Makes a connection: ENDS[0] is the worker's; ENDS[1] is the scribe's, which receives the sender's
 * process ID (SO_PASSCRED). Returns 0 or -errno. */
int store_open(int ends[2]);

/*
 * Sends RECORD and waits until it is stored, at most TIMEOUT microseconds. If the scribe dies
 * meanwhile, the next one stores the record; it may be stored twice, but a record that this
 * function reports as stored is never lost. Returns 0; -ETIMEDOUT; -EPIPE: daemon and scribe are
 * gone; or the -errno of the sink.
 */
int store_record(struct store *store, const struct record *record, uint64_t timeout);

/*
 * In the scribe: peeks at the next record of the connection FD, into BUF of STORE_RECORD_MAX bytes;
 * *SENDER is the process that sent it. Returns its length; 0: the worker is gone; -EAGAIN: there is
 * none; -EPROTO: it is invalid, and is removed; or another -errno.
 */
ssize_t store_peek(int fd, struct store_head *head, void *buf, pid_t *sender);

/* Acknowledges the record of HEAD, and removes it. Does not wait. Returns 0 or -errno: then the
 * record may still be there, for the next scribe. */
int store_answer(int fd, const struct store_head *head);

#endif
