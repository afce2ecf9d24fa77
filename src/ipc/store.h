/*
 * How a worker has a message stored: by a connection of its own to the scribe, made by the daemon,
 * which keeps the scribe's end, too. So nobody else can reach it, and a record that one scribe has
 * not dealt with waits in it for the next.
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

/* Makes a connection: ENDS[0] is the worker's, ENDS[1] the scribe's, which tells who sends
 * (SO_PASSCRED). Returns 0 or -errno. */
int store_open(int ends[2]);

/*
 * Sends RECORD and waits until it is stored, at most TIMEOUT microseconds in all. The record of a
 * scribe that dies over it is stored by the next one: it may then be stored twice, but none that
 * this function reports as stored is lost.
 * Returns 0; -ETIMEDOUT; -EPIPE: daemon and scribe are gone; or the -errno of the sink.
 */
int store_record(struct store *store, const struct record *record, uint64_t timeout);

/*
 * In the scribe: looks at the next record of the connection FD without taking it away, into BUF of
 * STORE_RECORD_MAX bytes; *SENDER is the process that sent it. Returns its length; 0: the worker is
 * gone; -EAGAIN: there is none; -EPROTO for what is none, which is taken away; or another -errno.
 */
ssize_t store_peek(int fd, struct store_head *head, void *buf, pid_t *sender);

/* Answers the record of HEAD, and takes it away. Nobody is waited for. Returns 0 or -errno: then
 * the record may still be there, for the next scribe. */
int store_answer(int fd, const struct store_head *head);

#endif
