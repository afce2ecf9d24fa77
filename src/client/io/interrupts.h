/*
 * Signals from the terminal as events for poll(2): Ctrl-C ends a measurement, Ctrl-\ asks for
 * interim results.
 */
#ifndef ECHOD_CLIENT_IO_INTERRUPTS_H
#define ECHOD_CLIENT_IO_INTERRUPTS_H

enum interrupt { INTERRUPT_NONE, INTERRUPT_INTERIM, INTERRUPT_STOP };

/* Blocks SIGINT, SIGTERM and SIGQUIT. Returns a descriptor that is readable once one of them has
 * arrived, or -errno, reported. The caller closes it. */
int interrupts_open(void);

/* Takes a pending signal. Returns what it asks for. */
enum interrupt interrupts_take(int fd);

#endif
