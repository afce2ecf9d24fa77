/*
 * The shared memory with a page for each live worker (ipc/slot.h).
 */
#ifndef ECHOD_DAEMON_SESSION_SLOTS_H
#define ECHOD_DAEMON_SESSION_SLOTS_H

#include "daemon/session/job_id.h"
#include "ipc/slot.h"

#include <stdbool.h>
#include <stddef.h>

#define SLOTS_MAX ((size_t)1 << JOB_INDEX_BITS)

/* Returning a page and taking another one costs more than clearing it: so some are kept for the
 * next workers, until none has ended for a second. */
#define SLOTS_KEPT 256

struct slots {
    int memory; /* memfd_create(2) */
    size_t count;
    size_t page;
    char *map;
    bool kept[SLOTS_KEPT]; /* free, and its page is still allocated */
    uint64_t give_back_at; /* clock_now(); 0: there is none */
};

/* Makes COUNT slots; their memory is taken only when they are used. Returns 0, or -errno: there are
 * none, which slots_resize() can change if there is the memory. */
int slots_open(struct slots *slots, size_t count);

/* Adopts MEMORY, of earlier slots, which it owns then; COUNT may be larger than before. Returns 0
 * or -errno. */
int slots_adopt(struct slots *slots, int memory, size_t count);

/* Makes them COUNT slots. Returns 0, or -errno: they are as they were. */
int slots_resize(struct slots *slots, size_t count);

/* The daemon's view of slot INDEX. */
struct slot *slots_at(const struct slots *slots, size_t index);

/* The same for slot INDEX, for a new worker: it contains zeros. */
struct slot *slots_take(struct slots *slots, size_t index);

/* The worker of slot INDEX is gone: clears it. */
void slots_free(struct slots *slots, size_t index);

/* Returns the memory of free slots to the system: all of it, or if it is due at NOW. */
void slots_give_back(struct slots *slots);
void slots_run(struct slots *slots, uint64_t now);

/* When slots_run() has something to do; UINT64_MAX: never. */
uint64_t slots_next(const struct slots *slots);

void slots_close(struct slots *slots);

#endif
