/*
 * The handshake as it was sent and as it arrived, in an HTML table.
 */
#ifndef ECHOD_CLIENT_PAGE_TABLE_H
#define ECHOD_CLIENT_PAGE_TABLE_H

#include "client/path/path.h"

#include <stdio.h>

void path_table(FILE *to, const struct path *p);

#endif
