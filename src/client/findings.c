#include "client/findings.h"

#include "base/escape.h"
#include "client/output.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define TEXT_MAX 1024

static void print(const struct findings *f, const char *type, const char *kind, const char *text)
{
    char safe[ESCAPED_SIZE(TEXT_MAX)]; /* the server's words may be among them */

    escape_bytes(safe, text, strlen(text), NULL);
    if (!f->common->json) {
        output_line("%s", safe);
        return;
    }
    output_begin(type);
    output_text("kind", kind);
    output_text("text", safe);
    output_end();
}

void findings_add(struct findings *f, const char *kind, const char *format, ...)
{
    char text[TEXT_MAX];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    f->count++;
    print(f, "finding", kind, text);
}

void findings_note(struct findings *f, const char *kind, const char *format, ...)
{
    char text[TEXT_MAX];
    va_list args;

    if (f->common->verbosity == VERBOSITY_QUIET)
        return;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    print(f, "note", kind, text);
}
