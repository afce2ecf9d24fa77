/*
 * The new program's part in a reload: first the rehearsal, a child of the daemon that is to be
 * replaced; then, in its place, the settings that the rehearsal found good.
 */
#ifndef ECHOD_DAEMON_REHEARSAL_H
#define ECHOD_DAEMON_REHEARSAL_H

#include "config/settings.h"

/*
 * Tries whether SETTINGS, whose names were looked up, could be listened for with what HANDOVER
 * (handover_find(), which is closed) tells, and hands them back: the program that takes over loads
 * just these, whatever becomes of files and names meanwhile. Says what is wrong on standard error.
 * Returns 0 or an exit status.
 */
int rehearsal_perform(const struct settings *settings, int handover);

/* The settings that a rehearsal handed back, of the HANDOVER that this program was left, which
 * stays open; the caller frees them. NULL: there are none that can be understood; the log says why.
 */
struct settings *rehearsal_settings(int handover);

#endif
