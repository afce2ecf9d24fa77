/*
 * The answer to echoctl check-access: which rule would decide about a client.
 */
#ifndef ECHOD_DAEMON_ADMISSION_CHECK_ACCESS_H
#define ECHOD_DAEMON_ADMISSION_CHECK_ACCESS_H

#include "daemon/admission/admission.h"

#include <stdio.h>

/* Answers, to TO, about OPERANDS: "ADDRESS LISTENER". Has no effect on who is let in. */
void check_access_answer(const struct admission *admission, const char *operands, FILE *to);

#endif
