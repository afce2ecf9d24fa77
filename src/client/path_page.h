/*
 * The findings of echoc path as a page of HTML, to hand to somebody: complete in itself, without
 * scripts, for light and dark screens and for paper.
 */
#ifndef ECHOD_CLIENT_PATH_PAGE_H
#define ECHOD_CLIENT_PATH_PAGE_H

#include "client/path.h"

#include <stdio.h>

/* Opens the file NAME, so that it is known before anything is measured whether it can be written;
 * what it contains stays until path_page_write(). Returns the descriptor, or -errno, reported. */
int path_page_open(const char *name);

/* Writes what P has found into FD in the place of all that was there. Returns 0 or -errno,
 * reported. */
int path_page_write(const struct path *p, int fd);

/* Closes *FD; removes the file NAME if nothing was ever written into it. */
void path_page_close(int *fd, const char *name);

/* ---- its parts ---- */

/* TEXT, with what means something in HTML escaped, and bytes that are no UTF-8 made visible. */
void path_page_text(FILE *to, const char *text);

/* What was sent in the handshake, and what arrived, as a table. */
void path_page_table(FILE *to, const struct path *p);

/* The pictures, in SVG: the path and its ends, packet sizes, flows; nothing where nothing is known.
 */
void path_picture_ends(FILE *to, const struct path *p);
void path_picture_sizes(FILE *to, const struct path *p);
void path_picture_flows(FILE *to, const struct path *p);

/* What a finding of this KIND means, and what can be done about it; "" for others. */
const char *path_advice(const char *kind);

#endif
