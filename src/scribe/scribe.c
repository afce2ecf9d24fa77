#include "scribe/scribe.h"

#include "base/record.h"
#include "base/rights.h"
#include "base/span.h"
#include "scribe/askers.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* Room for records while the sink is slow; the kernel grants what it can. */
#define QUEUE_BYTES (1024 * 1024)
/* Workers that can wait to be heard; the kernel cuts it at net.core.somaxconn. */
#define BACKLOG 4096
/* In the place of a record: the daemon stops, and has no workers any more. */
static const char farewell[] = "";
/* Without it the daemon was killed: its workers end, too, but what they have taken is to be stored.
 */
#define ORPHAN_TIME (2 * USEC_PER_SEC)

static int make_queue(int *in, int *out)
{
    int pair[2], bytes = QUEUE_BYTES;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return -errno;
    *in = pair[0];
    *out = pair[1];
    setsockopt(*out, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
    return 0;
}

/* At an abstract address that the kernel chooses (unix(7), autobind): no file that whoever runs as
 * the same user could remove or shut. */
static int make_listener(int *listener)
{
    const struct sockaddr_un any = {.sun_family = AF_UNIX};

    *listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (*listener < 0 ||
        bind(*listener, (const struct sockaddr *)&any, sizeof(any.sun_family)) < 0 ||
        listen(*listener, BACKLOG) < 0)
        return -errno;
    rights_refuse(*listener);
    return 0;
}

int scribe_open(struct scribe *scribe, enum sink sink)
{
    *scribe = (struct scribe)SCRIBE_CLOSED;
    scribe->sink = sink;
    int r = make_queue(&scribe->records_in, &scribe->records_out);
    return r < 0 ? r : make_listener(&scribe->messages);
}

void scribe_close(struct scribe *scribe)
{
    if (scribe->records_out >= 0 &&
        send(scribe->records_out, farewell, sizeof(farewell), MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
        errno = 0; /* then it takes a moment longer to end */
    fd_close(&scribe->records_in);
    fd_close(&scribe->records_out);
    rights_close(&scribe->messages);
}

/* Writes the next record. Returns when it is time to end: clock_now(), UINT64_MAX for not yet. */
static uint64_t write_record(const struct scribe *scribe)
{
    char buf[RECORD_MAX];
    ssize_t n = recv(scribe->records_in, buf, sizeof(buf), MSG_DONTWAIT);

    if (n == 0)
        return clock_now() + ORPHAN_TIME;
    if (n == sizeof(farewell))
        return clock_now();
    if (n > 0)
        sink_write(scribe->sink, buf, (size_t)n);
    return UINT64_MAX;
}

/* Waits until something of POLLED can be done, or it is time for END or an asker's deadline. */
static int wait_for(struct pollfd *polled, size_t count, const struct askers *askers, uint64_t end)
{
    uint64_t next = askers_next(askers);

    if (end < next)
        next = end;
    return poll(polled, count, next == UINT64_MAX ? -1 : clock_until(next));
}

_Noreturn void scribe_run(const struct scribe *scribe)
{
    struct pollfd polled[1 + 1 + ASKERS_MAX];
    struct askers askers;
    uint64_t end = UINT64_MAX; /* when, if nobody asks any more */
    int ready;

    signal(SIGINT, SIG_IGN);
    signal(SIGTERM, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    askers_init(&askers, scribe->messages, scribe->sink);
    do {
        polled[0] =
            (struct pollfd){.fd = end == UINT64_MAX ? scribe->records_in : -1, .events = POLLIN};
        askers_watch(&askers, &polled[1]);
        ready = wait_for(polled, ARRAY_SIZE(polled), &askers, end);
        if (ready < 0)
            continue;
        if (polled[0].revents)
            end = write_record(scribe);
        askers_attend(&askers, &polled[1]);
    } while (ready != 0 || clock_now() < end || askers_next(&askers) != UINT64_MAX);
    sink_settle(scribe->sink);
    _exit(0);
}
