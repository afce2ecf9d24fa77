/*
 * The new program's part in a reload: first the dry run, a child of the daemon that is to be
 * replaced; then, in its place, the settings that the dry run found good.
 */
#ifndef ECHOD_DAEMON_RELOAD_DRY_RUN_H
#define ECHOD_DAEMON_RELOAD_DRY_RUN_H

#include "config/settings.h"

/* In a dry run: the descriptor to which the settings go that are good (config/serialize.h). */
#define DRY_RUN_VARIABLE "ECHOD_REHEARSAL"

/*
 * Tries whether SETTINGS, whose names were looked up, could be listened for with what HANDOVER
 * (handover_find(), which is closed) tells, and hands them back: the program that takes over loads
 * just these, whatever becomes of files and names meanwhile. Says what is wrong on standard error.
 * Returns 0 or an exit status.
 */
int dry_run_perform(const struct settings *settings, int handover);

/* The settings that a dry run handed back, of the HANDOVER that this program was left, which
 * stays open; the caller frees them. NULL: there are none that can be understood; the log,
 * RECORDS, says why.
 */
struct settings *dry_run_settings(int handover, int records);

#endif
