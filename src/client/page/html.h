/*
 * Text in a page of HTML.
 */
#ifndef ECHOD_CLIENT_PAGE_HTML_H
#define ECHOD_CLIENT_PAGE_HTML_H

#include <stdio.h>

/* TEXT, with what means something in HTML escaped, and bytes that are no UTF-8 made visible. */
void html_text(FILE *to, const char *text);

#endif
