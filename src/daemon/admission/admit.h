/*
 * Who gets in: a connected client is served, refused, or has to wait.
 */
#ifndef ECHOD_DAEMON_ADMISSION_ADMIT_H
#define ECHOD_DAEMON_ADMISSION_ADMIT_H

#include "daemon/admission/admission.h"

/* Whether ERROR, -errno, tells of what the system may have again in a moment. */
bool admit_is_shortage(int error);

/* Admits or refuses the connected socket CLIENT, which it closes, as a client of LISTEN; or has it
 * wait. */
void admission_decide(struct admission *admission, int client, const struct address *peer,
                      const struct listen_settings *listen);

/* Has WAITING, who waited before a reload, wait on at LISTENER; refuses it if there is none of that
 * name any more. */
void admission_restore(struct admission *admission, const struct waiting_client *waiting,
                       const char *listener);

/* Decides once more about those who wait, and in the end, at NOW, about whoever has waited long
 * enough: UINT64_MAX leaves nobody there. */
void admission_reconsider(struct admission *admission, uint64_t now);

#endif
