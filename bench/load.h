/*
 * What the parts of the load generator share. Each is bounded in count and in time, talks to
 * 127.0.0.1 only, and prints its result as a line of JSON (load_report).
 */
#ifndef ECHOD_BENCH_LOAD_H
#define ECHOD_BENCH_LOAD_H

#include <stdbool.h>
#include <stddef.h>

/* A run is given up after this many errors. */
enum { LOAD_ERRORS_MAX = 200 };

struct load {
    int port;
    unsigned source; /* clients come from 127.0.0.SOURCE; 0: the kernel chooses 127.0.0.1 */
};

/* Seconds of the monotonic clock. */
double load_now(void);

/* Prints a report, a line of JSON: the number done, the time taken, the errors, the current time.
 */
void load_report(long done, double seconds, long errors);

/* Waits for a line on standard input; false at its end. */
bool load_await_line(char *line, size_t size);

/* Ends the process after SECONDS, plus some time for what is in progress. */
void load_limit_time(double seconds);

/* Raises the limit of descriptors for COUNT clients; ends the process if that fails. */
void load_raise_files(long count);

/* Returns a connected socket (or one that is connecting, with SOCK_NONBLOCK in FLAGS); -1 with
 * errno on failure. */
int load_connect(struct load *load, int flags);

/*
 * Opens up to COUNT connections into FDS, until SECONDS have passed, and echoes one byte on each.
 * Returns the number of open connections, and adds the number of failed ones to *ERRORS.
 */
long load_open(struct load *load, int *fds, long count, double seconds, long *errors);

/* COUNT connections, CLIENTS at once; on each 32 bytes are echoed. */
int load_short(struct load *load, long clients, long count, double seconds);

/* CLIENTS connections, on each of which SIZE bytes go back and forth. */
int load_pingpong(struct load *load, long clients, size_t size, double seconds);

/* CLIENTS connections, each with a process, that send and receive as fast as they can. */
int load_bulk(struct load *load, long clients, double seconds);

/* COUNT connections that are opened within SECONDS and kept. */
int load_hold(struct load *load, long count, double seconds);

/* Datagrams of SIZE bytes, with IN_FLIGHT of them unanswered at once. */
int load_datagrams(struct load *load, size_t size, long in_flight, double seconds);

/* Waits until the server echoes: over TCP, or over UDP if DATAGRAMS. */
int load_await(struct load *load, bool datagrams, double seconds);

#endif
