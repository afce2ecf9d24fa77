#include "base/title.h"

#include "base/memory.h"
#include "base/text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Returns where the strings end that lie in memory from END on, as far as they are in LIST. */
static char *contiguous_end(char *end, char **list)
{
    for (; *list; list++)
        if (*list == end)
            end += strlen(end) + 1;
    return end;
}

/* Copies the environment into one block. TITLE keeps it reachable for leak checkers, since
 * unsetenv(3) removes the pointers from environ. */
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
    /* libc's pointers into argv[0] would make the title the program's name in messages. */
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
    /* The last byte stays NUL: otherwise the kernel appends the environment (proc(5), cmdline). */
    memset(title->start + used, 0, title->size - used);
}

void title_replace(const struct title *title, const char *text)
{
    /* volatile, so that the compiler does not replace the loop by a call of libc. */
    volatile char *to = title->start;

    if (title->size < 2)
        return;
    for (size_t room = title->size - 2; *text && room > 0; room--)
        *to++ = *text++;
    while (*to)
        *to++ = '\0';
}
