/*
 * Failures, counted by their causes.
 */
#ifndef ECHOD_CLIENT_RESULTS_ERROR_COUNTS_H
#define ECHOD_CLIENT_RESULTS_ERROR_COUNTS_H

#include <stddef.h>
#include <stdint.h>

#define ERROR_COUNTS_MAX 16

/* All zero is none. */
struct error_counts {
    struct {
        const char *text;
        uint64_t count;
    } list[ERROR_COUNTS_MAX]; /* the last place is for all others, too */
    uint64_t count;
};

/* One more because of TEXT, which stays the caller's and must remain. */
void error_counts_add(struct error_counts *errors, const char *text);

/* Prints a line for each; or the member "causes", an object. */
void error_counts_print(const struct error_counts *errors);
void error_counts_put(const struct error_counts *errors);

#endif
