/*
 * The end of a program that has no memory for what it sets up.
 */
#ifndef ECHOD_BASE_EXHAUSTED_H
#define ECHOD_BASE_EXHAUSTED_H

/*
 * Ends the program with a sentence and EXIT_OSERR. One whose exit statuses have other meanings
 * defines this itself, and the linker takes that.
 */
_Noreturn void memory_exhausted(void);

#endif
