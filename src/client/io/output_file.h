/*
 * A file that a result is written to as a whole: the page of echoc path, the picture of --plot.
 */
#ifndef ECHOD_CLIENT_IO_OUTPUT_FILE_H
#define ECHOD_CLIENT_IO_OUTPUT_FILE_H

#include <stddef.h>

struct output_file {
    int fd; /* -1: none */
    const char *path;
};

/* Opens PATH, a string that must outlive FILE, without changing its content. Called before anything
 * is measured, so that an error shows early. Returns 0 or -errno, reported. */
int output_file_open(struct output_file *file, const char *path);

/* Replaces the content by the LEN bytes at DATA. A regular file keeps its old content if there is
 * no room for the new. Returns 0 or -errno, reported. */
int output_file_replace(const struct output_file *file, const void *data, size_t len);

/* Closes the file, and removes a regular file that is empty. Returns 0 or -errno, reported: a
 * network file system may report only now that there is no room. */
int output_file_close(struct output_file *file);

#endif
