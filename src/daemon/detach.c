#include "daemon/detach.h"

#include "base/exit.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/macros.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* The first process: waits for the daemon's word. One that ends without it has failed, and has
 * said why. */
NORETURN static void wait_and_exit(int fd)
{
    unsigned char status;
    ssize_t n;

    do
        n = read(fd, &status, 1);
    while (n < 0 && errno == EINTR);
    _exit(n == 1 ? status : EXIT_SOFTWARE);
}

int detach_begin(void)
{
    int word[2];

    if (pipe2(word, O_CLOEXEC) < 0)
        return -errno;
    pid_t pid = fork();
    if (pid < 0)
        return -errno;
    if (pid > 0) {
        close(word[1]);
        wait_and_exit(word[0]);
    }
    close(word[0]);
    /* A session leader that opens a terminal would get it as its own, so another fork follows. */
    if (setsid() < 0 || (pid = fork()) < 0)
        return -errno;
    if (pid > 0)
        _exit(0);
    umask(022);
    return chdir("/") < 0 ? -errno : word[1];
}

void detach_silence(int fd)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    if (null >= 0)
        dup2(null, fd);
    if (null > STDERR_FILENO)
        close(null);
}

void detach_finish(int fd, int status)
{
    unsigned char word = (unsigned char)status;

    detach_silence(STDIN_FILENO);
    detach_silence(STDOUT_FILENO);
    if (isatty(STDERR_FILENO))
        detach_silence(STDERR_FILENO);
    fd_write_all(fd, &word, 1);
    fd_close(&fd);
}

/* Whether the file at PATH is still the one of FD: who held it before may have removed it. */
static bool is_at(int fd, const char *path)
{
    struct stat held, there;

    return fstat(fd, &held) == 0 && lstat(path, &there) == 0 && held.st_dev == there.st_dev &&
           held.st_ino == there.st_ino;
}

/* Opens and locks the file at PATH. Returns 0 or -errno; -EAGAIN if somebody else has the lock. */
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
    if (is_at(*fd, path)) /* else it is another daemon's by now */
        unlink(path);     /* before the lock ends: nobody can have made it his own */
    fd_close(fd);
}
