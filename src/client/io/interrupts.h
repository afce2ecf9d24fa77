/*
 * The signals of a terminal as events of a loop: Ctrl-C ends a measurement, Ctrl-\ asks how far
 * it is.
 */
#ifndef ECHOD_CLIENT_IO_INTERRUPTS_H
#define ECHOD_CLIENT_IO_INTERRUPTS_H

enum interrupt { INTERRUPT_NONE, INTERRUPT_INTERIM, INTERRUPT_STOP };

/* Blocks SIGINT, SIGTERM and SIGQUIT. Returns a descriptor that can be read once one of them came,
 * or -errno, reported; the caller closes it. */
int interrupts_open(void);

/* What is wished for; the signal is taken. */
enum interrupt interrupts_take(int fd);

#endif
