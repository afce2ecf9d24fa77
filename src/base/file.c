#include "base/file.h"

#include "base/fd.h"
#include "base/macros.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static int check_type(const struct stat *st)
{
    if (S_ISREG(st->st_mode))
        return 0;
    return S_ISDIR(st->st_mode) ? -EISDIR : -EINVAL;
}

/* An existing file must be regular; open(2) reports everything else. */
static int check_path(const char *path, int flags)
{
    struct stat st;
    int r = flags & O_NOFOLLOW ? lstat(path, &st) : stat(path, &st);

    return r < 0 || S_ISLNK(st.st_mode) ? 0 : check_type(&st);
}

/* The file may have been replaced since check_path(). */
static int check_opened(int fd, int flags)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return -errno;
    int r = check_type(&st);
    if (r == 0 && flags & O_TRUNC && ftruncate(fd, 0) < 0)
        r = -errno;
    return r;
}

int file_open(const char *path, int flags, mode_t mode)
{
    int r = check_path(path, flags);

    if (r < 0)
        return r;
    int fd = open(path, (flags & ~O_TRUNC) | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, mode);
    if (fd < 0)
        return -errno;
    r = check_opened(fd, flags);
    if (r < 0)
        fd_close(&fd);
    return r < 0 ? r : fd;
}

bool file_is_descriptor(const char *path)
{
    static const char *const prefixes[] = {"/dev/fd/", "/proc/self/fd/", "/proc/thread-self/fd/"};

    for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++)
        if (strncmp(path, prefixes[i], strlen(prefixes[i])) == 0)
            return true;
    return strcmp(path, "/dev/stdin") == 0;
}

bool file_is_masked(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3);
}

bool file_lacks_directory(const char *path)
{
    const char *slash = strrchr(path, '/');
    char directory[PATH_MAX];

    snprintf(directory, sizeof(directory), "%.*s/", (int)(slash - path), path);
    return access(directory, F_OK) < 0 && errno == ENOENT;
}

const char *file_error(int error)
{
    if (error == EINVAL)
        return "it is not a regular file";
    return error == EFBIG ? "it is too large" : strerror(error);
}
