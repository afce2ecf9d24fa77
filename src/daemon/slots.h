/*
 * The shared memory in which each live worker has a page of its own (ipc/slot.h).
 */
#ifndef ECHOD_DAEMON_SLOTS_H
#define ECHOD_DAEMON_SLOTS_H

#include "ipc/slot.h"

#include <stddef.h>

#define SLOTS_MAX ((size_t)1 << 24) /* an index has a place in the id of a job */

struct slots {
    int memory; /* memfd_create(2) */
    size_t count;
    size_t page;
    char *map;
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

/* Gives the memory of slot INDEX back to the system: it holds zeros from here on. */
void slots_free(const struct slots *slots, size_t index);

void slots_close(struct slots *slots);

#endif
