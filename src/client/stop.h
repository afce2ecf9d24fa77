/*
 * The signals of a terminal as events of a loop: Ctrl-C ends a measurement, Ctrl-\ asks how far
 * it is.
 */
#ifndef ECHOD_CLIENT_STOP_H
#define ECHOD_CLIENT_STOP_H

enum wish { WISH_NONE, WISH_INTERIM, WISH_STOP };

/* Blocks SIGINT, SIGTERM and SIGQUIT. Returns a descriptor that can be read once one of them came,
 * or -errno, reported; the caller closes it. */
int stop_open(void);

/* What is wished for; the signal is taken. */
enum wish stop_take(int fd);

#endif
