/*
 * Processes that this one is, or becomes, the parent of.
 */
#ifndef ECHOD_DAEMON_PROCESS_CHILDREN_H
#define ECHOD_DAEMON_PROCESS_CHILDREN_H

#include <stdbool.h>
#include <sys/types.h>

/* Those whose parent ends become our children, and are waited for as such (prctl(2),
 * PR_SET_CHILD_SUBREAPER). */
void children_adopt_orphans(void);

/* Takes one that has ended, with *STATUS of wait(2). Returns its process ID; 0: none has. */
pid_t children_take(int *status);

/* Whether PID is a child of ours, be it one that has ended. */
bool children_have(pid_t pid);

#define CHILD_END_MAX 80

/* Writes how a child ended that has STATUS, "exited with status 3", to BUF, of CHILD_END_MAX.
 * Returns BUF. */
const char *child_end_format(int status, char *buf);

#endif
