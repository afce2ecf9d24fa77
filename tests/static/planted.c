/* What each of the tools of run.py has to find, lest its silence means nothing. Never linked. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

int planted(const char *text);

/* An array that is read beyond its end, memory that is freed twice, and some that is lost. */
int planted(const char *text)
{
    char four[4] = {0};
    char *copy = strdup(text);

    if (!copy)
        return four[4];
    free(copy);
    if (text[0])
        free(copy);
    return 0;
}
