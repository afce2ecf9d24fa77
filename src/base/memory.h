/*
 * Memory for what is set up at the start: where there is none, the program ends with a sentence.
 */
#ifndef ECHOD_BASE_MEMORY_H
#define ECHOD_BASE_MEMORY_H

#include <stddef.h>

/* MEMORY, unless it is NULL. */
void *memory_had(void *memory);

/* COUNT zeroed elements of SIZE bytes, which the caller frees. */
void *memory_zeroed(size_t count, size_t size);

/*
 * Grows ARRAY, of *COUNT elements of SIZE bytes, by one zeroed element and counts it.
 * Returns the array, which may have moved.
 */
void *array_append(void *array, size_t *count, size_t size);

#endif
