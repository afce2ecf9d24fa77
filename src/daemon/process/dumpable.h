/*
 * Protection from processes of the same user, such as the workers. Unless a process is undumpable
 * (prctl(2), PR_SET_DUMPABLE), the kernel lets them access its memory and descriptors.
 */
#ifndef ECHOD_DAEMON_PROCESS_DUMPABLE_H
#define ECHOD_DAEMON_PROCESS_DUMPABLE_H

#include <stdbool.h>

void dumpable_set(bool on);

#endif
