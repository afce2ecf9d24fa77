/*
 * Everything echoc says on standard error, and the exit status that goes with it.
 */
#ifndef ECHOD_CLIENT_REPORT_H
#define ECHOD_CLIENT_REPORT_H

#include "base/macros.h"

#include <stddef.h>

struct address;
struct attempt;
struct exchange_plan;
struct exchange_result;
struct target;

/* One line: the name of the program (program_invocation_short_name), the text and a newline. */
void report_say(const char *format, ...) PRINTF_LIKE(1, 2);

/* Where somebody who got the command line wrong may read on. */
void report_hint_at_help(void);

/* No address was found: REASON says why. */
void report_unresolved(const struct target *target, const char *reason);

/* To whoever gave a message in the place of the port. */
void report_hint_at_port(const struct target *target);

/* An address is about to be tried; was tried, and A->error is why it failed. */
void report_trying(const struct attempt *a);
void report_refused(const struct attempt *a);

/* The same, written into BUF. */
const char *report_reason(const struct attempt *a, char *buf, size_t size);

/* SOCK is connected to PEER; says as much of it as the VERBOSITY (common.h) asks for. */
void report_connected(int sock, const struct address *peer, const struct exchange_plan *plan,
                      int verbosity);

/*
 * How the exchange with PEER ended: a failure in words, a success as far as the VERBOSITY asks
 * for it. Returns the exit status.
 */
int report_result(const struct exchange_result *result, const struct address *peer,
                  const struct exchange_plan *plan, int verbosity);

#endif
