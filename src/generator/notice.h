/*
 * The log records of the generator. systemd waits for generators, and nobody reads their standard
 * error. So records are sent to the journal, without waiting; during boot, before there is a
 * journal, they go to the kernel's log, which the journal imports.
 */
#ifndef ECHOD_GENERATOR_NOTICE_H
#define ECHOD_GENERATOR_NOTICE_H

#include "base/macros.h"
#include "generator/unit.h"

/*
 * Logs a text about UNIT, so that "systemctl status" of its service shows it, and prints it to
 * standard error. If the unit has a root, it is not part of this system, and the text is only
 * printed.
 */
void notice_text(const struct unit *unit, int priority, const char *format, ...) PRINTF_LIKE(3, 4);

/* Logs the event that the configuration of UNIT has errors, with the CONSEQUENCE. */
void notice_invalid(const struct unit *unit, const char *consequence);

#endif
