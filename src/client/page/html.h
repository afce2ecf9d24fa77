/*
 * Text in an HTML page.
 */
#ifndef ECHOD_CLIENT_PAGE_HTML_H
#define ECHOD_CLIENT_PAGE_HTML_H

#include <stdio.h>

/* Writes TEXT with HTML's special characters escaped and invalid UTF-8 made visible. */
void html_text(FILE *to, const char *text);

#endif
