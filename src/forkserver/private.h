/*
 * Memory of the fork server that its workers are forked without (madvise(2), MADV_DONTFORK). None
 * of them finds there what concerns others, and none pays for the copy.
 */
#ifndef ECHOD_FORKSERVER_PRIVATE_H
#define ECHOD_FORKSERVER_PRIVATE_H

#include <stddef.h>

/* Returns SIZE bytes of zeros, to be freed by munmap(2), or NULL. */
void *private_allocate(size_t size);

#endif
