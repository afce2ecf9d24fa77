/*
 * What the generator has to say. systemd gives generators no standard error that anybody reads, and
 * waits for them: so the journal is told, without waiting, or, at a start of the system, before
 * there is a journal, the kernel's log, which the journal takes over.
 */
#ifndef ECHOD_GENERATOR_NOTICE_H
#define ECHOD_GENERATOR_NOTICE_H

#include "base/macros.h"
#include "generator/generation.h"

/*
 * Logs a text about a GENERATION, so that "systemctl status" of its unit shows it, and prints it to
 * standard error. With a root of its own it is none of this system, and only printed.
 */
void notice_text(const struct generation *generation, int priority, const char *format, ...)
    PRINTF_LIKE(3, 4);

/* The same, as an event, of a configuration that is wrong, with the CONSEQUENCE of that. */
void notice_broken(const struct generation *generation, const char *consequence);

#endif
