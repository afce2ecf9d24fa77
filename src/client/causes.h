/*
 * Failures, counted by their causes.
 */
#ifndef ECHOD_CLIENT_CAUSES_H
#define ECHOD_CLIENT_CAUSES_H

#include <stddef.h>
#include <stdint.h>

#define CAUSES_MAX 16

/* All zero is none. */
struct causes {
    struct {
        const char *text;
        uint64_t count;
    } list[CAUSES_MAX]; /* the last place is for all others, too */
    uint64_t count;
};

/* One more because of TEXT, which stays the caller's and must remain. */
void causes_add(struct causes *causes, const char *text);

/* Prints a line for each; or the member "causes", an object. */
void causes_print(const struct causes *causes);
void causes_put(const struct causes *causes);

#endif
