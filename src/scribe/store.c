#include "scribe/store.h"

#include "base/span.h"
#include "scribe/letter.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

/* Between two tries. */
#define PAUSE_NSEC (10 * 1000 * 1000)

int store_find(struct store *store, int listener)
{
    *store = (struct store){.len = sizeof(store->address)};
    return getsockname(listener, (struct sockaddr *)&store->address, &store->len) < 0 ? -errno : 0;
}

/* Waits for something to read from FD. Returns 0 or -ETIMEDOUT or -errno. */
static int wait_for(int fd, uint64_t deadline)
{
    for (;;) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        int n = poll(&p, 1, clock_until(deadline));
        if (n > 0)
            return 0;
        if (n == 0)
            return -ETIMEDOUT;
        if (errno != EINTR)
            return -errno;
    }
}

/* -EAGAIN where ERROR may pass: the scribe went away, or the system lacks something for a moment.
 */
static int failure_of(int error)
{
    static const int passing[] = {EINTR,  EPIPE,  ECONNRESET, ENOBUFS,
                                  ENOMEM, EMFILE, ENFILE,     ETOOMANYREFS};

    for (size_t i = 0; i < ARRAY_SIZE(passing); i++)
        if (error == passing[i])
            return -EAGAIN;
    return -error;
}

/* A connection to the scribe, once there is room in its backlog; or -errno. */
static int reach(const struct store *store, uint64_t deadline)
{
    uint64_t now = clock_now(), left = deadline > now ? deadline - now : 1;
    struct timeval limit = {.tv_sec = (time_t)(left / USEC_PER_SEC),
                            .tv_usec = (suseconds_t)(left % USEC_PER_SEC)};
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), bytes = LETTER_MAX;

    if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) == 0 &&
        setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes)) == 0 &&
        connect(fd, (const struct sockaddr *)&store->address, store->len) == 0)
        return fd;
    fd_close(&fd);
    return failure_of(errno);
}

/* The answer that comes over FD: 0, -errno as the sink gave it, or -EAGAIN if the scribe ended
 * without one. */
static int read_answer(int fd)
{
    unsigned char status;

    if (recv(fd, &status, 1, 0) != 1)
        return -EAGAIN;
    return status == EAGAIN ? -EIO : -(int)status;
}

/* One question and its answer. */
static int ask(const struct store *store, const struct record *record, uint64_t deadline)
{
    int fd = reach(store, deadline);

    if (fd < 0)
        return fd;
    int r = send(fd, record->data, record->used, MSG_NOSIGNAL) < 0 ? failure_of(errno) : 0;
    if (r == 0)
        r = wait_for(fd, deadline);
    if (r == 0)
        r = read_answer(fd);
    fd_close(&fd);
    return r;
}

int store_record(const struct store *store, const struct record *record, uint64_t timeout)
{
    const struct timespec pause = {.tv_nsec = PAUSE_NSEC};
    uint64_t deadline = clock_now() + timeout;
    int r;

    while ((r = ask(store, record, deadline)) == -EAGAIN && clock_now() < deadline)
        nanosleep(&pause, NULL);
    return r == -EAGAIN ? -ETIMEDOUT : r;
}
