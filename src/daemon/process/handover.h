/*
 * The handover: the state that a daemon passes to the program that it becomes by exec(3). It is
 * lines of text in a memfd, whose number is in the environment, and the descriptors that they name.
 * The parts of the daemon write and read their own lines (state.h).
 */
#ifndef ECHOD_DAEMON_PROCESS_HANDOVER_H
#define ECHOD_DAEMON_PROCESS_HANDOVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define HANDOVER_VARIABLE "ECHOD_HANDOVER"

/* A handover that is being written, with its descriptors. */
struct handover {
    int fd;   /* the memfd */
    FILE *to; /* where lines are written, until handover_end() */
    int *fds; /* owned */
    size_t count;
    int error; /* an errno: it is incomplete */
};

/* Begins HANDOVER. Returns 0 or -errno; after 0 the caller closes it. */
int handover_begin(struct handover *handover);

/* Passes FD, unless it is -1. */
void handover_add(struct handover *handover, int fd);

/* Ends writing. Returns 0, or -errno if it is incomplete. */
int handover_end(struct handover *handover);

/* Lets its descriptors pass an exec(3); with PASS false, undoes that. */
void handover_pass(const struct handover *handover, bool pass);

void handover_close(struct handover *handover);

/* The descriptor of the handover to this program, or -1 if there is none. A variable that echod did
 * not set is reported on standard error and ignored. */
int handover_find(void);

/* The number that FORMAT, of scanf(3), finds in a line of FD, or -1. FD stays open. */
int handover_number(int fd, const char *format) __attribute__((format(scanf, 2, 0)));

/* The lines of FD, of handover_find(), which it closes, from the second one on. Returns NULL and
 * errno: EPROTO if this version does not know the format. */
FILE *handover_read(int fd);

/* Whether LINE begins with WORD. */
bool handover_is(const char *line, const char *word);

/* Takes FD, of a line, for this program: close-on-exec. */
void handover_take(int fd);

#endif
