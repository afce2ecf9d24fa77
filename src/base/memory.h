/*
 * Allocating memory while a program starts. If there is none, the program exits with an error.
 */
#ifndef ECHOD_BASE_MEMORY_H
#define ECHOD_BASE_MEMORY_H

#include <stddef.h>

/* Returns MEMORY. Exits if it is NULL. */
void *memory_had(void *memory);

/* Returns COUNT zeroed elements of SIZE bytes, which the caller frees. */
void *memory_zeroed(size_t count, size_t size);

/*
 * Grows ARRAY, of *COUNT elements of SIZE bytes, by one zeroed element and counts it.
 * Returns the array, which may have moved.
 */
void *array_append(void *array, size_t *count, size_t size);

#endif
