/*
 * The problems of a configuration, collected so that all are reported at once.
 */
#ifndef ECHOD_CONFIG_PROBLEMS_H
#define ECHOD_CONFIG_PROBLEMS_H

#include "base/macros.h"

#include <stdio.h>

/* Where a value was written; file is NULL for a default. The strings are not owned. */
struct origin {
    const char *file;
    unsigned line;
};

struct problem {
    bool fatal;
    bool transient; /* fatal, but may pass by itself */
    char *text;     /* "file:line: [section] key: reason" */
};

struct problems {
    struct problem *list;
    size_t count;
    size_t fatal;     /* how many of them forbid the start */
    size_t transient; /* how many of those may pass by themselves */
};

/* TRANSIENT: it forbids the start, but may pass without an edit. */
enum severity { WARNING, FATAL, TRANSIENT };

/* Adds a problem, unless it is the last one again; section and key may be NULL. */
void problem_add(struct problems *problems, enum severity severity, struct origin where,
                 const char *section, const char *key, const char *format, ...) PRINTF_LIKE(6, 7);

/* Writes them all to OUT, a line each, in the order they were found, "warning: " before those
 * that are not fatal. */
void problems_print(const struct problems *problems, FILE *out);

/* The exit status that they mean: 0; EXIT_UNAVAILABLE where another try may succeed; EXIT_CONFIG
 * where something has to be edited. */
int problems_status(const struct problems *problems);

void problems_free(struct problems *problems);

#endif
