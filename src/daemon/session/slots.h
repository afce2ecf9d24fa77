/*
 * The shared memory in which each live worker has a page of its own (ipc/slot.h).
 */
#ifndef ECHOD_DAEMON_SESSION_SLOTS_H
#define ECHOD_DAEMON_SESSION_SLOTS_H

#include "ipc/slot.h"

#include <stdbool.h>
#include <stddef.h>

#define SLOTS_MAX ((size_t)1 << 24) /* an index has a place in the id of a job */

/* To give a page back and take another one costs more than to clear it: so many are kept for the
 * next workers, until none has ended for a second. */
#define SLOTS_KEPT 256

struct slots {
    int memory; /* memfd_create(2) */
    size_t count;
    size_t page;
    char *map;
    bool kept[SLOTS_KEPT]; /* free, and its page is not given back yet */
    uint64_t give_back_at; /* clock_now(); 0: there is none */
};

/* Makes COUNT slots; their memory is taken only when they are used. Returns 0 or -errno. */
int slots_open(struct slots *slots, size_t count);

/* Goes on with MEMORY, of slots made before, which it owns from here on; COUNT may be larger than
 * it was. Returns 0 or -errno. */
int slots_adopt(struct slots *slots, int memory, size_t count);

/* Makes them COUNT slots. Returns 0 or -errno. */
int slots_resize(struct slots *slots, size_t count);

/* The daemon's view of slot INDEX. */
struct slot *slots_at(const struct slots *slots, size_t index);

/* The same for slot INDEX, which a worker is to have from here on: it holds zeros. */
struct slot *slots_take(struct slots *slots, size_t index);

/* Slot INDEX has no worker any more: it holds zeros from here on. */
void slots_free(struct slots *slots, size_t index);

/* Gives the memory of free slots back to the system: all of it, or if it is time NOW. */
void slots_give_back(struct slots *slots);
void slots_run(struct slots *slots, uint64_t now);

/* When slots_run() has something to do; UINT64_MAX: never. */
uint64_t slots_next(const struct slots *slots);

void slots_close(struct slots *slots);

#endif
