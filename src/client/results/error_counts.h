/*
 * Failures, counted by their causes.
 */
#ifndef ECHOD_CLIENT_RESULTS_ERROR_COUNTS_H
#define ECHOD_CLIENT_RESULTS_ERROR_COUNTS_H

#include <stddef.h>
#include <stdint.h>

#define ERROR_COUNTS_MAX 16

/* All zero: no errors. */
struct error_counts {
    struct {
        const char *text;
        uint64_t count;
    } list[ERROR_COUNTS_MAX]; /* the last entry also counts all further causes */
    uint64_t count;
};

/* Counts a failure with the cause TEXT, a string that must outlive ERRORS. */
void error_counts_add(struct error_counts *errors, const char *text);

/* Print a line for each cause, or the JSON member "causes", an object. */
void error_counts_print(const struct error_counts *errors);
void error_counts_put(const struct error_counts *errors);

#endif
