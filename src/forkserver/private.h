/*
 * Memory of the fork server that workers are forked without (madvise(2), MADV_DONTFORK): they
 * cannot read the data of others, and do not pay for the copy.
 */
#ifndef ECHOD_FORKSERVER_PRIVATE_H
#define ECHOD_FORKSERVER_PRIVATE_H

#include <stddef.h>

/* Returns SIZE bytes of zeros, to be freed by munmap(2), or NULL. */
void *private_allocate(size_t size);

#endif
