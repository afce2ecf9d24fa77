/*
 * Common functions of the fuzz targets. Each target is one function, LLVMFuzzerTestOneInput(), that
 * gives an input to a parser and checks the conditions that hold for every input. replay.c calls it
 * with the files of a corpus, libFuzzer with variations of them.
 */
#ifndef ECHOD_TESTS_FUZZ_H
#define ECHOD_TESTS_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Returns 0. The name is libFuzzer's. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* assert(3) that does not depend on NDEBUG. */
#define fuzz_check(claim)                                                                          \
    do {                                                                                           \
        if (!(claim)) {                                                                            \
            fprintf(stderr, "%s:%d: this does not hold: %s\n", __FILE__, __LINE__, #claim);        \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* Returns a copy of SIZE bytes in memory of exactly that size, so that a sanitizer detects reads
 * beyond its end. The caller frees it. */
uint8_t *fuzz_copy(const void *data, size_t size);

/* The same with a NUL after it. As a C string, it ends at the first NUL in DATA. */
char *fuzz_text(const void *data, size_t size);

/* Takes the first byte from the input, for a choice; 0 if the input is empty. */
uint8_t fuzz_choice(const uint8_t **data, size_t *size);

/* A FILE * of open_memstream(3). fuzz_output_close() closes it and returns its text, which the
 * caller frees. */
struct fuzz_output {
    FILE *file;
    char *text;
    size_t size;
};
void fuzz_output_open(struct fuzz_output *output);
char *fuzz_output_close(struct fuzz_output *output);

/* Creates a file of SIZE bytes without a name in any directory, and stores a path that opens it in
 * PATH. Returns its descriptor. */
#define FUZZ_PATH_MAX 32
int fuzz_file(const void *data, size_t size, char path[FUZZ_PATH_MAX]);

/* Whether TEXT is well-formed UTF-8 (RFC 3629), and whether it is also free of control characters
 * other than newlines and tabs. */
bool fuzz_is_utf8(const char *text);
bool fuzz_is_printable(const char *text);

/* Whether TEXT is one JSON value (RFC 8259), followed by nothing but spaces. Bytes from 0x80 on
 * count as letters. */
bool fuzz_is_json(const char *text);

#endif
