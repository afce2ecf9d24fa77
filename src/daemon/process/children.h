/*
 * The child processes of this one, including adopted ones.
 */
#ifndef ECHOD_DAEMON_PROCESS_CHILDREN_H
#define ECHOD_DAEMON_PROCESS_CHILDREN_H

#include <stdbool.h>
#include <sys/types.h>

/* Makes this process adopt its orphaned descendants (prctl(2), PR_SET_CHILD_SUBREAPER). */
void children_adopt_orphans(void);

/* Reaps a child that has ended, with *STATUS of wait(2). Returns its process ID; 0: none has ended.
 */
pid_t children_take(int *status);

/* Whether PID is a child of this process, even a zombie. */
bool children_have(pid_t pid);

#define CHILD_END_MAX 80

/* Writes how a child with STATUS ended, "exited with status 3", to BUF, of CHILD_END_MAX bytes.
 * Returns BUF. */
const char *child_end_format(int status, char *buf);

#endif
