#include "base/title.h"

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

static void move_environment(void)
{
    size_t count = 0;

    while (environ[count])
        count++;
    char **moved = memory_zeroed(count + 1, sizeof(*moved));
    for (size_t i = 0; i < count; i++)
        moved[i] = text_copy(environ[i]);
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
    move_environment();
    *title = (struct title){.start = argv[0], .size = (size_t)(end - argv[0])};
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
