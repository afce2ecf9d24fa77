/*
 * The findings of echoc path as a page of HTML, to hand to somebody: complete in itself, without
 * scripts, for light and dark screens and for paper.
 */
#ifndef ECHOD_CLIENT_PAGE_PAGE_H
#define ECHOD_CLIENT_PAGE_PAGE_H

#include "client/path/path.h"

#include <stdio.h>

/* Opens the file NAME, so that it is known before anything is measured whether it can be written;
 * what it contains stays until path_page_write(). Returns the descriptor, or -errno, reported. */
int path_page_open(const char *name);

/* Writes what P has found into FD in the place of all that was there. Returns 0 or -errno,
 * reported. */
int path_page_write(const struct path *p, int fd);

/* Closes *FD; removes the file NAME if nothing was ever written into it. */
void path_page_close(int *fd, const char *name);

#endif
