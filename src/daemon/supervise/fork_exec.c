#include "daemon/supervise/fork_exec.h"

#include "base/exit.h"
#include "base/fd.h"
#include "base/macros.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NAME "echod-forkserver"
/* The same as FORKSERVER_CHANNEL in forkserver.h, which belongs to another program. */
#define CHANNEL STDIN_FILENO
/* The title of a worker overwrites the arguments, so they must be as long. */
#define TITLE_ROOM 640
/* No descriptor beyond this is expected to be inherited. */
#define INHERITED_MAX 4096
/* Before glibc 2.36, a static program takes its first memory by brk(2) only, and crashes without
 * it. The libc of the fork server is that of the build. */
#define STARTS_WITHOUT_BRK __GLIBC_PREREQ(2, 36)

static struct file_identity identity_of(const struct stat *st)
{
    return (struct file_identity){.device = st->st_dev,
                                  .inode = st->st_ino,
                                  .size = (uint64_t)st->st_size,
                                  .modified = st->st_mtim.tv_sec * INT64_C(1000000000) +
                                              st->st_mtim.tv_nsec};
}

struct file_identity fork_exec_self(void)
{
    struct stat st;

    if (stat("/proc/self/exe", &st) < 0)
        return (struct file_identity){0};
    return identity_of(&st);
}

static int open_at(const char *path, struct file_identity *file)
{
    int fd = open(path, O_PATH | O_CLOEXEC);
    struct stat st;

    if (fd < 0)
        return -errno;
    if (fstat(fd, &st) < 0) {
        int error = errno;
        fd_close(&fd);
        return -error;
    }
    *file = identity_of(&st);
    return fd;
}

/* Opens echod-forkserver in the directory of PROGRAM. */
static int open_next_to(const char *program, struct file_identity *file)
{
    char path[PATH_MAX];
    const char *slash = strrchr(program, '/');

    if (!slash)
        return -ENOENT;
    snprintf(path, sizeof(path), "%.*s/" NAME, (int)(slash - program), program);
    return open_at(path, file);
}

/* The same with symbolic links of PROGRAM resolved. */
static int open_next_to_file(const char *program, struct file_identity *file)
{
    char *resolved = realpath(program, NULL);
    int fd = resolved ? open_next_to(resolved, file) : -ENOENT;

    free(resolved);
    return fd;
}

int fork_exec_open(const char *program, struct file_identity *file)
{
    *file = (struct file_identity){0};
    int fd = open_next_to(program, file);
    if (fd == -ENOENT)
        fd = open_next_to_file(program, file);
    return fd == -ENOENT ? open_at(FORKSERVER_DIR "/" NAME, file) : fd;
}

/* Keeps inherited descriptors from the fork server. Falls back to fcntl(2) if a container's filter
 * refuses close_range(2). */
static void close_others_on_exec(void)
{
    if (close_range(STDERR_FILENO + 1, ~0u, CLOSE_RANGE_CLOEXEC) == 0)
        return;
    for (int fd = STDERR_FILENO + 1; fd < INHERITED_MAX; fd++)
        fcntl(fd, F_SETFD, FD_CLOEXEC);
}

/* Makes the channel standard input, and /dev/null the others; sanitizers keep standard error. */
static int arrange_descriptors(int channel)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    if (null < 0 || dup2(channel, CHANNEL) < 0 || dup2(null, STDOUT_FILENO) < 0 ||
        (!INSTRUMENTED && dup2(null, STDERR_FILENO) < 0))
        return -errno;
    return 0;
}

static void reset_signals(void)
{
    sigset_t none;

    for (int number = 1; number < SIGRTMIN; number++)
        signal(number, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* With a soft limit of 0, brk(2) fails, and libc takes its memory by mmap(2), to which the hard
 * limit applies (may_expand_vm() of the kernel). That is near the program, while the heap of brk(2)
 * is far from all else: each worker would need three pages of page tables for it. */
static void refuse_brk(void)
{
    struct rlimit data;

    if (!STARTS_WITHOUT_BRK || getrlimit(RLIMIT_DATA, &data) < 0)
        return;
    data.rlim_cur = 0;
    setrlimit(RLIMIT_DATA, &data);
}

/* In the child. The environment is empty except for the options of sanitizers, and rseq(2) is off:
 * the kernel writes to the memory that libc registers for it, a page that each worker would copy.
 */
NORETURN static void fork_server_main(int executable, int channel, pid_t parent)
{
    char room[TITLE_ROOM];
    char *const argv[] = {(char *)NAME, room, NULL};
    char *const tunables[] = {(char *)"GLIBC_TUNABLES=glibc.pthread.rseq=0", NULL};
    char **environment = INSTRUMENTED ? environ : (char **)tunables;

    memset(room, ' ', sizeof(room) - 1);
    room[sizeof(room) - 1] = '\0';
    reset_signals();
    refuse_brk();
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent ||
        arrange_descriptors(channel) < 0)
        _exit(EXIT_OSERR);
    close_others_on_exec();
    syscall(SYS_execveat, executable, "", argv, environment, AT_EMPTY_PATH);
    _exit(FORK_EXEC_FAILED);
}

pid_t fork_exec(int executable, int channel)
{
    pid_t parent = getpid(), pid = fork();

    if (pid == 0)
        fork_server_main(executable, channel, parent);
    return pid < 0 ? -errno : pid;
}
