/*
 * Process titles, which ps(1) shows instead of the command line.
 */
#ifndef ECHOD_BASE_TITLE_H
#define ECHOD_BASE_TITLE_H

#include "base/macros.h"

#include <stddef.h>

struct title {
    char *start; /* the memory of argv and environ, which the kernel shows; or NULL */
    size_t size;
    char *environment; /* a copy of the environment and the pointers to it, */
    char **variables;  /* never freed, even if setenv(3) has replaced environ */
};

/*
 * Uses the memory of ARGV, and moves the environment away that follows it in memory. To be called
 * once, early in main(). The first title_set() overwrites the strings of ARGV.
 */
void title_init(struct title *title, int argc, char **argv);

/* Sets the title to the formatted text, truncated to the size of that memory. */
void title_set(const struct title *title, const char *format, ...) PRINTF_LIKE(2, 3);

/* The same for a process that was just forked, to which each page that it writes costs time: after
 * a title_set(), writes only as much memory as the two titles take, and calls no function. */
NEAR_MAIN void title_replace(const struct title *title, const char *text);

#endif
