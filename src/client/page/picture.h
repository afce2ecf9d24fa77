/*
 * The pictures of the page, in SVG. Each has its meaning in words, too: in a title, for those who
 * do not see it, and not by colour alone.
 */
#ifndef ECHOD_CLIENT_PAGE_PICTURE_H
#define ECHOD_CLIENT_PAGE_PICTURE_H

#include "client/path/path.h"

#include <stdio.h>

/* The path and its ends, packet sizes, flows; nothing where nothing is known. */
void path_picture_ends(FILE *to, const struct path *p);
void path_picture_sizes(FILE *to, const struct path *p);
void path_picture_flows(FILE *to, const struct path *p);

#endif
