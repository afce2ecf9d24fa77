/*
 * What is wrong with a configuration: collected, so that all of it is told at once.
 */
#ifndef ECHOD_CONFIG_PROBLEMS_H
#define ECHOD_CONFIG_PROBLEMS_H

#include "base/util.h"

#include <stdio.h>

/* Where a value was written; file is NULL for a default. The strings are not owned. */
struct origin {
    const char *file;
    unsigned line;
};

struct problem {
    bool fatal;
    char *text; /* "file:line: [section] key: reason" */
};

struct problems {
    struct problem *list;
    size_t count;
    size_t fatal; /* how many of them forbid the start */
};

enum severity { WARNING, FATAL };

/* Adds a problem, unless it is the last one again; section and key may be NULL. */
void problem_add(struct problems *problems, enum severity severity, struct origin where,
                 const char *section, const char *key, const char *format, ...) PRINTF_LIKE(6, 7);

/* Writes them all to OUT, a line each, in the order they were found, "warning: " before those
 * that are not fatal. */
void problems_print(const struct problems *problems, FILE *out);

void problems_free(struct problems *problems);

#endif
