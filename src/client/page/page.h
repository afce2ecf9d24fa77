/*
 * The findings of echoc path as a page of HTML, to hand to somebody: complete in itself, without
 * scripts, for light and dark screens and for paper.
 */
#ifndef ECHOD_CLIENT_PAGE_PAGE_H
#define ECHOD_CLIENT_PAGE_PAGE_H

#include "client/io/output_file.h"
#include "client/path/path.h"

/* Writes what P has found into FILE in the place of all that was there. Returns 0 or -errno,
 * reported. */
int path_page_write(const struct path *p, const struct output_file *file);

#endif
