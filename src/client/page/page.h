/*
 * The findings of echoc path as an HTML page that can be passed on: self-contained, without
 * scripts, for light and dark screens and for print.
 */
#ifndef ECHOD_CLIENT_PAGE_PAGE_H
#define ECHOD_CLIENT_PAGE_PAGE_H

#include "client/io/output_file.h"
#include "client/path/path.h"

/* Replaces the content of FILE by the page of P's findings. Returns 0 or -errno, reported. */
int path_page_write(const struct path *p, const struct output_file *file);

#endif
