/*
 * The table of workers and their jobs. Workers do not inherit it.
 */
#ifndef ECHOD_FORKSERVER_CHILDREN_H
#define ECHOD_FORKSERVER_CHILDREN_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct children {
    struct child {
        pid_t pid; /* 0: a free place */
        uint64_t job;
    } * place; /* owned; open addressing */
    size_t room, live;
};

/* Makes room for one more. Returns 0 or -ENOMEM. */
int children_reserve(struct children *children);

/* Enters PID, of JOB, for which there must be room. */
void children_add(struct children *children, pid_t pid, uint64_t job);

/* Removes PID. Returns its job, or 0: it is not a child. */
uint64_t children_remove(struct children *children, pid_t pid);

#endif
