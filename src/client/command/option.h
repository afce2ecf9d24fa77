/*
 * Tables of command line options: one row defines an option, its parser and its help.
 */
#ifndef ECHOD_CLIENT_COMMAND_OPTION_H
#define ECHOD_CLIENT_COMMAND_OPTION_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* A type of option argument. */
struct option_type {
    int (*parse)(const char *text, void *member); /* returns 0, or -errno with MEMBER untouched */
    const char *what;                             /* for error messages: "not WHAT: text" */
};

extern const struct option_type argument_text; /* a const char *, which points into argv */
extern const struct option_type
    argument_span; /* a uint64_t, microseconds: "500ms", "1min", "0.2" */
extern const struct option_type argument_count; /* a uint64_t of at least 1 */
extern const struct option_type argument_size;  /* a uint64_t: bytes, 1 to OPTION_SIZE_MAX */
#define OPTION_SIZE_MAX 1048576

struct option_row {
    const char *name;
    char letter;                    /* or 0 */
    const struct option_type *type; /* of the argument; NULL: none, .value is stored in an int */
    size_t offset;                  /* of the member to set */
    int value;
    const char *argument; /* its name in the help; NULL: takes none */
    const char *help;     /* may have several lines */
};

/* An option table, and the structure that its offsets refer to. */
struct option_set {
    const struct option_row *rows;
    size_t count;
    void *into;
};

/*
 * Stores the options in ARGV, whose first string is skipped, into COUNT SETS, and stops early once
 * *STOP is not 0. Reorders ARGV so that options come first. Returns the index of the first operand,
 * or -EINVAL, reported.
 */
int options_parse(const struct option_set *sets, size_t count, int argc, char **argv,
                  const int *stop);

/* Prints the help of each row, one line or more. */
void options_print(const struct option_row *rows, size_t count, FILE *to);

#endif
