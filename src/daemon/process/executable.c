#include "daemon/process/executable.h"

#include "base/text.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>

#define SELF "/proc/self/exe"

/* The file that this program was executed from. Without /proc, it is found by the path that was
 * passed to execve(2), from getauxval(3). */
static bool find_self(struct stat *st)
{
    const char *name = (const char *)getauxval(AT_EXECFN);

    return stat(SELF, st) == 0 || (name && stat(name, st) == 0);
}

static bool is_this_program(const char *path)
{
    struct stat self, there;

    return find_self(&self) && stat(path, &there) == 0 && self.st_dev == there.st_dev &&
           self.st_ino == there.st_ino;
}

/* Returns the absolute path of NAME in DIRECTORY if that is this program, else NULL. */
static char *find_in(const char *directory, const char *name)
{
    char *here = directory[0] == '/' ? NULL : getcwd(NULL, 0), *path;
    int r = asprintf(&path, "%s%s%s/%s", here ? here : "", here ? "/" : "", directory, name);

    free(here);
    if (r < 0)
        return NULL;
    if (is_this_program(path))
        return path;
    free(path);
    return NULL;
}

/* Searches PATH as execvp(3) does. */
static char *search(const char *name)
{
    const char *path = getenv("PATH");
    char *copy = text_copy(path ? path : ""), *rest = copy, *directory, *found = NULL;

    while (!found && (directory = strsep(&rest, ":")) != NULL)
        found = find_in(directory[0] ? directory : ".", name);
    free(copy);
    return found;
}

char *executable_path(const char *name)
{
    char self[PATH_MAX], *path;

    if (name[0] == '/')
        path = is_this_program(name) ? text_copy(name) : NULL;
    else
        path = strchr(name, '/') ? find_in(".", name) : search(name);
    if (path)
        return path;
    ssize_t len = readlink(SELF, self, sizeof(self) - 1);
    if (len > 0)
        return text_copy_n(self, (size_t)len);
    const char *executed = (const char *)getauxval(AT_EXECFN);
    path = executed ? realpath(executed, NULL) : NULL;
    return path ? path : text_copy(name);
}
