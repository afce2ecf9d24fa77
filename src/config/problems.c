#include "config/problems.h"

#include "base/escape.h"
#include "base/exit.h"
#include "base/memory.h"
#include "base/text.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* Formats "file:line: [section] key: ", without the parts that are unknown. */
static void place_format(char *buf, size_t size, struct origin where, const char *section,
                         const char *key)
{
    if (where.file)
        text_append(buf, size, "%s:", where.file);
    if (where.line)
        text_append(buf, size, "%u:", where.line);
    if (where.file)
        text_append(buf, size, " ");
    if (section)
        text_append(buf, size, "[%s]%s", section, key ? " " : ": ");
    if (key)
        text_append(buf, size, "%s: ", key);
}

void problem_add(struct problems *problems, enum severity severity, struct origin where,
                 const char *section, const char *key, const char *format, ...)
{
    char text[1024] = "", safe[ESCAPED_SIZE(sizeof(text))];
    va_list args;

    place_format(text, sizeof(text), where, section, key);
    size_t used = strlen(text);
    va_start(args, format);
    vsnprintf(text + used, sizeof(text) - used, format, args);
    va_end(args);
    escape_bytes(safe, text, strlen(text), "\\"); /* a file may contain any byte */

    /* If several items of a list have the same problem, it is reported once. */
    if (problems->count > 0 && strcmp(problems->list[problems->count - 1].text, safe) == 0)
        return;
    problems->list = array_append(problems->list, &problems->count, sizeof(*problems->list));
    problems->list[problems->count - 1] = (struct problem){
        .fatal = severity != WARNING, .transient = severity == TRANSIENT, .text = text_copy(safe)};
    problems->fatal += severity != WARNING;
    problems->transient += severity == TRANSIENT;
}

void problems_print(const struct problems *problems, FILE *out)
{
    for (size_t i = 0; i < problems->count; i++)
        fprintf(out, "%s%s\n", problems->list[i].fatal ? "" : "warning: ", problems->list[i].text);
}

int problems_status(const struct problems *problems)
{
    if (problems->fatal == 0)
        return 0;
    return problems->fatal > problems->transient ? EXIT_CONFIG : EXIT_UNAVAILABLE;
}

void problems_free(struct problems *problems)
{
    for (size_t i = 0; i < problems->count; i++)
        free(problems->list[i].text);
    free(problems->list);
    *problems = (struct problems){0};
}
