/*
 * Process titles: what ps(1) shows in place of the command line.
 */
#ifndef ECHOD_BASE_TITLE_H
#define ECHOD_BASE_TITLE_H

#include "base/macros.h"

#include <stddef.h>

struct title {
    char *start; /* the memory of argv and environ, which the kernel shows; NULL: none */
    size_t size;
    char *environment; /* the strings that lay behind argv, and environ, which pointed at them: */
    char **variables;  /* never freed, even where setenv(3) has made another one */
};

/*
 * Takes the memory of ARGV, and moves the environment out of what lies behind it. To be called
 * once, early in main(); ARGV's strings are overwritten by the first title_set().
 */
void title_init(struct title *title, int argc, char **argv);

/* Makes ps show the formatted text, cut at the size of that memory. */
void title_set(const struct title *title, const char *format, ...) PRINTF_LIKE(2, 3);

/* The same once there has been a title_set(), with a text that is ready, and for a process that was
 * just forked, which pays for each page: writes to no more of that memory than the two titles take,
 * and calls nothing. */
NEAR_MAIN void title_replace(const struct title *title, const char *text);

#endif
