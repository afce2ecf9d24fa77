/*
 * What a daemon leaves to the program that it becomes by exec(3), under the same process ID: lines
 * of text in a memfd, whose number is in the environment, together with the descriptors that they
 * name. What is in them is for those to say who write and read them (state.h of the daemon).
 */
#ifndef ECHOD_DAEMON_PROCESS_HANDOVER_H
#define ECHOD_DAEMON_PROCESS_HANDOVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define HANDOVER_VARIABLE "ECHOD_HANDOVER"

/* One that is being written, and the descriptors that go with it. */
struct handover {
    int fd;   /* the memfd */
    FILE *to; /* where lines are written, until handover_end() */
    int *fds; /* owned */
    size_t count;
    int error; /* an errno: not all could be noted */
};

/* Begins HANDOVER. Returns 0 or -errno; after 0 the caller closes it. */
int handover_begin(struct handover *handover);

/* FD, unless it is -1, is left to the next program. */
void handover_add(struct handover *handover, int fd);

/* Nothing more is written. Returns 0, or -errno: it is not whole. */
int handover_end(struct handover *handover);

/* Lets its descriptors pass an exec(3); or, with PASS false, takes that back. */
void handover_pass(const struct handover *handover, bool pass);

void handover_close(struct handover *handover);

/* The descriptor that this program was left, or -1: it was started afresh. A variable that is no
 * echod's is reported on standard error, and passed over. */
int handover_find(void);

/* The number that FORMAT, of scanf(3), finds in a line of FD; -1: in none. FD stays open. */
int handover_number(int fd, const char *format) __attribute__((format(scanf, 2, 0)));

/* The lines of FD, of handover_find(), which it closes, from the second on. Returns NULL and errno:
 * EPROTO where it is not what this version understands. */
FILE *handover_read(int fd);

/* Whether LINE begins with WORD. */
bool handover_is(const char *line, const char *word);

/* FD, of a line, is this program's from here on, and no other's: close-on-exec. */
void handover_take(int fd);

#endif
