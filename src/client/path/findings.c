#include "client/path/findings.h"

#include "base/escape.h"
#include "base/memory.h"
#include "base/text.h"
#include "client/io/output.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_MAX 1024

static void print(const struct findings *f, const struct finding *finding)
{
    char safe[ESCAPED_SIZE(TEXT_MAX)];

    if (!finding->fault && f->common->verbosity == VERBOSITY_QUIET)
        return;
    escape_bytes(safe, finding->text, strlen(finding->text), NULL);
    if (!f->common->json) {
        output_line("%s", safe);
        return;
    }
    output_begin(finding->fault ? "finding" : "note");
    output_text("kind", finding->kind);
    output_text("text", safe);
    output_end();
}

static void take(struct findings *f, bool fault, const char *kind, const char *format, va_list args)
{
    char text[TEXT_MAX];

    vsnprintf(text, sizeof(text), format, args);
    f->list = array_append(f->list, &f->length, sizeof(*f->list));
    struct finding *finding = &f->list[f->length - 1];
    *finding = (struct finding){.kind = kind, .text = text_copy(text), .fault = fault};
    f->count += fault;
    print(f, finding);
}

void findings_add(struct findings *f, const char *kind, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    take(f, true, kind, format, args);
    va_end(args);
}

void findings_note(struct findings *f, const char *kind, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    take(f, false, kind, format, args);
    va_end(args);
}

bool findings_has(const struct findings *f, const char *kind)
{
    for (size_t i = 0; i < f->length; i++)
        if (f->list[i].fault && strcmp(f->list[i].kind, kind) == 0)
            return true;
    return false;
}

void findings_free(struct findings *f)
{
    for (size_t i = 0; i < f->length; i++)
        free(f->list[i].text);
    free(f->list);
}
