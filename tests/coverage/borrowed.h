/*
 * For ./configure --enable-coverage only: a function that confines its process for good runs in one
 * that ends at once, and shares its memory with this one. So what it reaches is counted, and this
 * process can write that down.
 */
#ifndef ECHOD_TESTS_COVERAGE_BORROWED_H
#define ECHOD_TESTS_COVERAGE_BORROWED_H

/* Returns what FUNCTION of ARGUMENT returns there; -EAGAIN if there is no such process. */
int borrowed_run(int (*function)(const void *), const void *argument);

#endif
