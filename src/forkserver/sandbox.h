/*
 * The sandbox: it confines the fork server, and so every worker, before the first client. All of it
 * is inherited over fork(2), and cannot be undone.
 */
#ifndef ECHOD_FORKSERVER_SANDBOX_H
#define ECHOD_FORKSERVER_SANDBOX_H

#include "ipc/job.h"
#include "ipc/report.h"
#include "ipc/slot.h"

/* The result, for each enum protection. */
struct sandbox {
    struct {
        int error; /* 0, or the errno of its failure */
        int level; /* Landlock: the version of its interface */
    } protection[PROTECTION_COUNT];
};

/* The maximum number of descriptors of a fork server. */
#define SANDBOX_FDS 64

/* The exit status of a fork server that made a forbidden call itself. */
#define SANDBOX_BROKEN 99

/*
 * Confines this process, as SETUP says, with SLOT_PAGE as the only address where a file may be
 * mapped. Protections that the kernel or a container refuses are left out, and reported in SANDBOX.
 */
void sandbox_enter(struct sandbox *sandbox, const struct setup *setup, const void *slot_page);

/* In a worker: limits it to its COUNT descriptors, from 0 on, and to no child processes. A
 * forbidden call is noted in SLOT before END_SANDBOX. */
void sandbox_close(struct slot *slot, size_t count);

#endif
