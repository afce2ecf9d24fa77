/*
 * Lean forks: each mapping that a parent has is copied at fork(2) and torn down at exit(2).
 * A worker needs the program and libc; the libraries that only the parent and the scribe use
 * (libsystemd brings six more) can be left out of it, see madvise(2), MADV_DONTFORK.
 */
#ifndef ECHOD_BASE_LEAN_H
#define ECHOD_BASE_LEAN_H

#include <stdbool.h>
#include <stddef.h>

/*
 * With ON, children forked from now on do not get the mappings of libsystemd, of what it brings,
 * and of inih; they must neither call them nor leave by exit(3). Without it they get everything
 * again. Does nothing where symbols are bound lazily, in an instrumented build, and where a library
 * is loaded that is none of those: somebody's own, or valgrind's. Failures are harmless and not
 * reported.
 */
void lean_children(bool on);

/*
 * SIZE zeroed bytes that children are forked without: neither copied nor, afterwards, to be
 * unshared page by page. For what only the parent uses. Returns NULL if there is no memory; the
 * caller gives it back by lean_free() with the same SIZE.
 */
void *lean_memory(size_t size);
void lean_free(void *memory, size_t size);

#endif
