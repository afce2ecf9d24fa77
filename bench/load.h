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

/* A line of JSON: how many were done, in which time, how many were not, and the time now. */
void load_report(long done, double seconds, long errors);

/* Waits for a line on standard input; false at its end. */
bool load_await_line(char *line, size_t size);

/* Ends the process if it is still there after SECONDS, plus some for what is under way. */
void load_limit_time(double seconds);

/* As many descriptors as COUNT clients need; ends the process if they cannot be had. */
void load_raise_files(long count);

/* A socket, connected, or with SOCK_NONBLOCK in FLAGS about to be; -1 with errno. */
int load_connect(struct load *load, int flags);

/*
 * Opens up to COUNT connections into FDS, until SECONDS have passed, and echoes one byte on each.
 * Returns how many are open, and adds the others that were tried to *ERRORS.
 */
long load_open(struct load *load, int *fds, long count, double seconds, long *errors);

/* COUNT connections, CLIENTS at once; on each 32 bytes are echoed. */
int load_short(struct load *load, long clients, long count, double seconds);

/* CLIENTS connections, on each of which SIZE bytes go back and forth. */
int load_pingpong(struct load *load, long clients, size_t size, double seconds);

/* CLIENTS connections, each with a process, that send and receive as fast as they can. */
int load_bulk(struct load *load, long clients, double seconds);

/* COUNT connections that are kept, opened within SECONDS. */
int load_hold(struct load *load, long count, double seconds);

/* Datagrams of SIZE bytes, so many IN_FLIGHT at once. */
int load_datagrams(struct load *load, size_t size, long in_flight, double seconds);

/* Waits until the server echoes: over TCP, or over UDP if DATAGRAMS. */
int load_await(struct load *load, bool datagrams, double seconds);

#endif
