#include "client/page/html.h"

#include "base/escape.h"
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

void html_text(FILE *to, const char *text)
{
    size_t len = strlen(text);
    char *safe = memory_zeroed(1, ESCAPED_SIZE(len));

    escape_bytes(safe, text, len, NULL);
    for (const char *p = safe; *p; p++)
        switch (*p) {
        case '&':
            fputs("&amp;", to);
            break;
        case '<':
            fputs("&lt;", to);
            break;
        case '>':
            fputs("&gt;", to);
            break;
        case '"':
            fputs("&quot;", to);
            break;
        case '\'':
            fputs("&#39;", to);
            break;
        default:
            fputc(*p, to);
        }
    free(safe);
}
