/*
 * The pictures of the page, in SVG. For readers who cannot see them or their colours, each also has
 * its meaning in words, in a title.
 */
#ifndef ECHOD_CLIENT_PAGE_PICTURE_H
#define ECHOD_CLIENT_PAGE_PICTURE_H

#include "client/path/path.h"

#include <stdio.h>

/* Write the picture of the path and its ends, of packet sizes, and of flows; nothing if the data
 * are missing. */
void path_picture_ends(FILE *to, const struct path *p);
void path_picture_sizes(FILE *to, const struct path *p);
void path_picture_flows(FILE *to, const struct path *p);

#endif
