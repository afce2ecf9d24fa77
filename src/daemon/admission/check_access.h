/*
 * The answer to echoctl check-access: which rule applies to a client.
 */
#ifndef ECHOD_DAEMON_ADMISSION_CHECK_ACCESS_H
#define ECHOD_DAEMON_ADMISSION_CHECK_ACCESS_H

#include "daemon/admission/admission.h"

#include <stdio.h>

/* Writes the answer about OPERANDS, "ADDRESS LISTENER", to TO. Has no side effects. */
void check_access_answer(const struct admission *admission, const char *operands, FILE *to);

#endif
