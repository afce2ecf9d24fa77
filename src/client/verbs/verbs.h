/*
 * The verbs of echoc.
 */
#ifndef ECHOD_CLIENT_VERBS_VERBS_H
#define ECHOD_CLIENT_VERBS_VERBS_H

#include "client/command/verb.h"

extern const struct verb verb_send;
extern const struct verb verb_ping;
extern const struct verb verb_crr;
extern const struct verb verb_load;
extern const struct verb verb_hold;
extern const struct verb verb_idle;
extern const struct verb verb_sweep;
extern const struct verb verb_path;
extern const struct verb verb_whoami;
extern const struct verb verb_daytime;

#endif
