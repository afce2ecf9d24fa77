/*
 * Messages on standard error.
 */
#ifndef ECHOD_CLIENT_IO_DIAG_H
#define ECHOD_CLIENT_IO_DIAG_H

#include "base/macros.h"

/* Prints one line: the name of the program (program_invocation_short_name) and the message. */
void diag_say(const char *format, ...) PRINTF_LIKE(1, 2);

/* Refers to --help after a usage error. */
void diag_hint_at_help(void);

#endif
