/*
 * The new program's part in a reload: first the dry run, as a child of the daemon that it may
 * replace; then, in its place, loading the settings that the dry run has validated.
 */
#ifndef ECHOD_DAEMON_RELOAD_DRY_RUN_H
#define ECHOD_DAEMON_RELOAD_DRY_RUN_H

#include "config/settings.h"

/* In a dry run: the descriptor for the validated settings (config/serialize.h). */
#define DRY_RUN_VARIABLE "ECHOD_REHEARSAL"

/*
 * Checks that SETTINGS, whose host names are resolved, could take over from HANDOVER
 * (handover_find(), which is closed), and returns them to the daemon: the program that takes over
 * loads exactly these, even if files and names have changed meanwhile. Prints errors to standard
 * error. Returns 0 or an exit status.
 */
int dry_run_perform(const struct settings *settings, int handover);

/* The settings that a dry run returned, from the HANDOVER to this program, which stays open; the
 * caller frees them. NULL: they cannot be read; the log, RECORDS, says why. */
struct settings *dry_run_settings(int handover, int records);

#endif
