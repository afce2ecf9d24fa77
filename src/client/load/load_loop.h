/*
 * The loop of echoc load: begins connections when they are due, and moves those that are under way.
 */
#ifndef ECHOD_CLIENT_LOAD_LOAD_LOOP_H
#define ECHOD_CLIENT_LOAD_LOAD_LOOP_H

#include "client/load/load_results.h"

/* Runs to the end. The caller has filled in all that is before .over. */
void load_run(struct load *l);

#endif
