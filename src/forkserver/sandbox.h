/*
 * The sandbox: what confines the fork server, and so every worker, from before the first client.
 * All of it is inherited over fork(2), and none can be taken back.
 */
#ifndef ECHOD_FORKSERVER_SANDBOX_H
#define ECHOD_FORKSERVER_SANDBOX_H

#include "ipc/job.h"
#include "ipc/report.h"
#include "ipc/slot.h"

/* How it went: for each enum protection. */
struct sandbox {
    struct {
        int error; /* 0, or the errno that keeps it away */
        int level; /* Landlock: the version of its interface */
    } protection[PROTECTION_COUNT];
};

/* A fork server has no more descriptors than these at any time. */
#define SANDBOX_FDS 64

/* The status of a fork server that made a call that is not on the list itself. */
#define SANDBOX_BROKEN 99

/*
 * Confines this process, as SETUP says, with SLOT_PAGE, an address, as the only place where a file
 * may be mapped. What the kernel or a container refuses is left out, and told in SANDBOX.
 */
void sandbox_enter(struct sandbox *sandbox, const struct setup *setup, const void *slot_page);

/* In a worker: limits it to the COUNT descriptors from 0 on that it has, and to no process of its
 * own. SLOT is where a call that is not on the list is noted before END_SANDBOX. */
void sandbox_close(struct slot *slot, size_t count);

#endif
