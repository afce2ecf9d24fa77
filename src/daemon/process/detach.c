#include "daemon/process/detach.h"

#include "base/exit.h"
#include "base/fd.h"
#include "base/macros.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* In the first process: waits until the daemon reports that it is ready. If it ends without that,
 * it has failed and printed the reason. */
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
    int ready[2];

    if (pipe2(ready, O_CLOEXEC) < 0)
        return -errno;
    pid_t pid = fork();
    if (pid < 0)
        return -errno;
    if (pid > 0) {
        close(ready[1]);
        wait_and_exit(ready[0]);
    }
    close(ready[0]);
    /* A session leader that opens a terminal acquires it as controlling terminal, so fork again. */
    if (setsid() < 0 || (pid = fork()) < 0)
        return -errno;
    if (pid > 0)
        _exit(0);
    umask(022);
    return chdir("/") < 0 ? -errno : ready[1];
}

void detach_silence(int fd)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    while (null >= 0 && dup2(null, fd) < 0 && errno == EINTR)
        continue;
    if (null > STDERR_FILENO)
        close(null);
}

void detach_finish(int fd, int status)
{
    unsigned char byte = (unsigned char)status;

    detach_silence(STDIN_FILENO);
    detach_silence(STDOUT_FILENO);
    if (isatty(STDERR_FILENO))
        detach_silence(STDERR_FILENO);
    fd_write_all(fd, &byte, 1);
    fd_close(&fd);
}
