#include "base/title.h"

#include "base/memory.h"
#include "base/text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The end of the run of strings that begins at END and goes on with those of LIST. */
static char *contiguous_end(char *end, char **list)
{
    for (; *list; list++)
        if (*list == end)
            end += strlen(end) + 1;
    return end;
}

/* Copies the strings of the environment into one block, which TITLE keeps: unsetenv(3) forgets
 * them one by one. */
static void move_environment(struct title *title)
{
    size_t count = 0, size = 0;

    for (; environ[count]; count++)
        size += strlen(environ[count]) + 1;
    char **moved = memory_zeroed(count + 1, sizeof(*moved)), *end = memory_zeroed(size, 1);
    title->environment = end;
    title->variables = moved;
    for (size_t i = 0; i < count; i++) {
        moved[i] = end;
        end = stpcpy(end, environ[i]) + 1;
    }
    environ = moved;
}

void title_init(struct title *title, int argc, char **argv)
{
    *title = (struct title){0};
    if (argc < 1)
        return;
    /* libc's own pointers into argv[0] would show the title as the program's name. */
    program_invocation_name = text_copy(program_invocation_name);
    program_invocation_short_name = text_copy(program_invocation_short_name);
    char *end = contiguous_end(argv[0], argv);
    end = contiguous_end(end, environ);
    move_environment(title);
    title->start = argv[0];
    title->size = (size_t)(end - argv[0]);
}

void title_set(const struct title *title, const char *format, ...)
{
    va_list args;

    if (title->size < 2)
        return;
    va_start(args, format);
    vsnprintf(title->start, title->size - 1, format, args);
    va_end(args);
    size_t used = strlen(title->start);
    /* The last byte stays NUL: otherwise the kernel takes the rest for the environment's. */
    memset(title->start + used, 0, title->size - used);
}

void title_replace(const struct title *title, const char *text)
{
    /* Volatile, or the compiler would call functions of libc for this. */
    volatile char *to = title->start;

    if (title->size < 2)
        return;
    for (size_t room = title->size - 2; *text && room > 0; room--)
        *to++ = *text++;
    while (*to)
        *to++ = '\0';
}
