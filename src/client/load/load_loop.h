/*
 * The loop of echoc load: starts connections when they are due, and handles their events.
 */
#ifndef ECHOD_CLIENT_LOAD_LOAD_LOOP_H
#define ECHOD_CLIENT_LOAD_LOAD_LOOP_H

#include "client/load/load_results.h"

/* Runs the load to its end. The caller fills in the members before .over. */
void load_run(struct load *l);

#endif
