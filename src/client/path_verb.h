/*
 * The verb path of echoc.
 */
#ifndef ECHOD_CLIENT_PATH_VERB_H
#define ECHOD_CLIENT_PATH_VERB_H

#include "client/verb.h"

extern const struct verb verb_path;

#endif
