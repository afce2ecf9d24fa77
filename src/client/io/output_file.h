/*
 * A file that a result is written into, as a whole: the page of path, the picture of --plot.
 */
#ifndef ECHOD_CLIENT_IO_OUTPUT_FILE_H
#define ECHOD_CLIENT_IO_OUTPUT_FILE_H

#include <stddef.h>

struct output_file {
    int fd; /* -1: none */
    const char *path;
};

/* Opens PATH, which must stay, so that it is known before anything is measured whether it can be
 * written. Its content stays until output_file_replace(). Returns 0 or -errno, reported. */
int output_file_open(struct output_file *file, const char *path);

/* Writes the LEN bytes at DATA in the place of all that was there; of a regular file, that stays
 * if there is no room for them. Returns 0 or -errno, reported. */
int output_file_replace(const struct output_file *file, const void *data, size_t len);

/* Closes it, and removes a regular file that is empty. Returns 0 or -errno, reported: a file system
 * of another machine may only now report that there is no room. */
int output_file_close(struct output_file *file);

#endif
