/*
 * What is said on standard error.
 */
#ifndef ECHOD_CLIENT_IO_DIAG_H
#define ECHOD_CLIENT_IO_DIAG_H

#include "base/macros.h"

/* One line: the name of the program (program_invocation_short_name), the text and a newline. */
void diag_say(const char *format, ...) PRINTF_LIKE(1, 2);

/* Where somebody who got the command line wrong may read on. */
void diag_hint_at_help(void);

#endif
