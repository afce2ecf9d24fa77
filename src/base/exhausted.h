/*
 * Exiting when memory is exhausted while a program starts.
 */
#ifndef ECHOD_BASE_EXHAUSTED_H
#define ECHOD_BASE_EXHAUSTED_H

/*
 * Prints an error and exits with EXIT_OSERR. A program with other exit statuses defines its own
 * version of this function, which the linker uses instead.
 */
_Noreturn void memory_exhausted(void);

#endif
