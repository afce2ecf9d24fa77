#include "daemon/process/pid_file.h"

#include "base/fd.h"
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* Whether PATH still refers to the file FD. Its previous owner may have removed it. */
static bool is_at(int fd, const char *path)
{
    struct stat held, there;

    return fstat(fd, &held) == 0 && lstat(path, &there) == 0 && held.st_dev == there.st_dev &&
           held.st_ino == there.st_ino;
}

/* Opens and locks the file at PATH. Returns 0, -EAGAIN if it is locked already, or -errno. */
static int pid_file_lock(int *fd, const char *path)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

    *fd = file_open(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0644);
    if (*fd < 0)
        return *fd;
    int error = fcntl(*fd, F_SETLK, &lock) < 0 ? errno : 0;
    if (error || !is_at(*fd, path))
        fd_close(fd);
    return error == EACCES ? -EAGAIN : -error;
}

int pid_file_write(int *fd, const char *path)
{
    do {
        int r = pid_file_lock(fd, path);
        if (r < 0)
            return r;
    } while (*fd < 0);
    if (ftruncate(*fd, 0) < 0 || dprintf(*fd, "%d\n", (int)getpid()) < 0)
        return -errno;
    return 0;
}

void pid_file_remove(int *fd, const char *path)
{
    if (*fd < 0)
        return;
    if (is_at(*fd, path)) /* otherwise it belongs to another daemon */
        unlink(path);     /* before the lock is released, so it is still ours */
    fd_close(fd);
}
