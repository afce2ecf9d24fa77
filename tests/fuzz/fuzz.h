/*
 * What the fuzz targets share. Each is one function, LLVMFuzzerTestOneInput(), that gives an input
 * to a parser and checks what has to hold of any input. replay.c calls it with the files of a
 * corpus, libFuzzer with what it makes of them.
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

/* assert(3), which no NDEBUG takes away. */
#define fuzz_check(claim)                                                                          \
    do {                                                                                           \
        if (!(claim)) {                                                                            \
            fprintf(stderr, "%s:%d: this does not hold: %s\n", __FILE__, __LINE__, #claim);        \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* A copy of SIZE bytes in memory of just that size, so that a sanitizer sees who reads beyond; to
 * be freed. */
uint8_t *fuzz_copy(const void *data, size_t size);

/* The same and a NUL behind it: what a C string has of it ends at its first NUL. */
char *fuzz_text(const void *data, size_t size);

/* Takes the first byte off the input: a choice; 0 where nothing is left. */
uint8_t fuzz_choice(const uint8_t **data, size_t *size);

/* What a FILE * of open_memstream(3) is for: closes it and returns its text, to be freed. */
struct fuzz_output {
    FILE *file;
    char *text;
    size_t size;
};
void fuzz_output_open(struct fuzz_output *output);
char *fuzz_output_close(struct fuzz_output *output);

/* A file of these bytes, without a name in any directory; PATH is one that opens it. Returns its
 * descriptor. */
#define FUZZ_PATH_MAX 32
int fuzz_file(const void *data, size_t size, char path[FUZZ_PATH_MAX]);

/* Whether TEXT is well-formed UTF-8 (RFC 3629); whether, too, nothing in it moves a cursor but
 * newlines and tabs. */
bool fuzz_is_utf8(const char *text);
bool fuzz_is_printable(const char *text);

/* Whether TEXT is one JSON value (RFC 8259), and nothing but blanks after it. Bytes from 0x80 on
 * count as letters. */
bool fuzz_is_json(const char *text);

#endif
