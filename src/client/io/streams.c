#include "client/io/streams.h"

#include "client/io/diag.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* If FD is closed, opens /dev/null there in the opposite direction, so that its use fails.
 * Otherwise a socket could get that number, and receive the output. */
static int occupy(int fd)
{
    int mode = fd == STDIN_FILENO ? O_WRONLY : fd == STDOUT_FILENO ? O_RDONLY : O_RDWR;

    if (fcntl(fd, F_GETFD) >= 0)
        return 0;
    return open("/dev/null", mode | O_CLOEXEC) < 0 ? -errno : 0; /* the lowest free number is FD */
}

/* The minimum that the programs need. */
#define DESCRIPTORS 64
#define STACK ((rlim_t)1 << 20)

/* How long to wait for the reader of standard output, in milliseconds. */
#define GRACE 1000

/* Raises LIMIT to LEAST, as far as is permitted. Returns whether it was less. */
static bool raised(struct rlimit *limit, rlim_t least)
{
    bool less = limit->rlim_cur < least;

    if (less)
        limit->rlim_cur = limit->rlim_max < least ? limit->rlim_max : least;
    return less;
}

static void raise_limits(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && raised(&limit, DESCRIPTORS))
        setrlimit(RLIMIT_NOFILE, &limit);
    if (getrlimit(RLIMIT_STACK, &limit) == 0 && raised(&limit, STACK))
        setrlimit(RLIMIT_STACK, &limit);
}

static void reset_signals(void)
{
    sigset_t none;

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGCHLD, SIG_DFL); /* if it is ignored, the exit status of a child is lost */
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
}

/* Waits for room in standard output. A verb that reads signals from a descriptor has blocked them,
 * so if the reader does not continue within GRACE, they are unblocked and can end the program. */
static void await_room(void)
{
    struct pollfd set = {.fd = STDOUT_FILENO, .events = POLLOUT};
    sigset_t mask;

    if (poll(&set, 1, GRACE) != 0)
        return;
    sigprocmask(SIG_BLOCK, NULL, &mask);
    sigdelset(&mask, SIGINT);
    sigdelset(&mask, SIGTERM);
    ppoll(&set, 1, NULL, &mask);
}

/* Writes all of DATA, in pieces that a pipe takes without blocking. Returns 0 or -errno. */
static int write_pieces(const char *data, size_t len)
{
    while (len > 0) {
        await_room();
        ssize_t n = write(STDOUT_FILENO, data, len < PIPE_BUF ? len : PIPE_BUF);
        if (n < 0 && errno != EAGAIN && errno != EINTR)
            return -errno;
        data += n > 0 ? n : 0;
        len -= n > 0 ? (size_t)n : 0;
    }
    return 0;
}

/* A cookie_write_function_t (fopencookie(3)). */
static ssize_t write_all(void *cookie, const char *data, size_t len)
{
    struct streams *streams = cookie;
    int r = write_pieces(data, len);

    if (r == 0)
        return (ssize_t)len;
    if (streams->error == 0)
        streams->error = r;
    return 0;
}

int streams_open(struct streams *streams)
{
    int r = 0;

    *streams = (struct streams){.replaced = stdout};
    raise_limits();
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO && r == 0; fd++)
        r = occupy(fd);
    reset_signals();
    if (r < 0)
        return r;
    FILE *file = fopencookie(streams, "w", (cookie_io_functions_t){.write = write_all});
    if (!file)
        return -ENOMEM;
    setvbuf(file, NULL, isatty(STDOUT_FILENO) ? _IOLBF : _IOFBF, BUFSIZ);
    stdout = file; /* glibc permits this, and printf(3) uses it */
    return 0;
}

int streams_close(struct streams *streams, int status, int failed)
{
    if (stdout != streams->replaced)
        fclose(stdout);
    stdout = streams->replaced;
    /* A network file system may report only now that there is no room. */
    if (close(STDOUT_FILENO) < 0 && streams->error == 0 && errno != EINTR)
        streams->error = -errno;
    if (streams->error == 0)
        return status;
    if (streams->error != -EPIPE) /* the reader, such as head(1), has stopped on purpose */
        diag_say("cannot write standard output: %s", strerror(-streams->error));
    return failed;
}
