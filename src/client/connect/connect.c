#include "client/connect/connect.h"

#include "base/clock.h"
#include "base/fd.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/time.h>

/* How long connect(2) may block before the deadline and signals are checked. */
#define SLICE (USEC_PER_SEC / 10)

bool connect_is_to_itself(int fd)
{
    struct address ours, theirs;

    return address_local(&ours, fd) == 0 && address_peer(&theirs, fd) == 0 &&
           address_equal(&ours, &theirs);
}

static int set_dscp(int fd, const struct address *a, int dscp)
{
    int traffic_class, r;

    if (dscp < 0 || !address_is_ip(a))
        return 0;
    traffic_class = dscp << 2; /* the lower two bits are for ECN (RFC 3168) */
    if (a->sa.sa_family == AF_INET)
        r = setsockopt(fd, IPPROTO_IP, IP_TOS, &traffic_class, sizeof(traffic_class));
    else
        r = setsockopt(fd, IPPROTO_IPV6, IPV6_TCLASS, &traffic_class, sizeof(traffic_class));
    return r < 0 ? -errno : 0;
}

static int bind_source(int fd, const struct address *a, const struct address *source)
{
    if (!source || !address_is_ip(a))
        return 0;
    if (source->sa.sa_family != a->sa.sa_family)
        return -EAFNOSUPPORT;
    /* Lets the kernel choose the port at connect(2), where it need only be unique for that peer. */
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &(int){1}, sizeof(int));
    return bind(fd, &source->sa, source->len) < 0 ? -errno : 0;
}

/* A Unix datagram socket needs a name to get replies. The kernel chooses one (unix(7)). */
static int bind_name(int fd, const struct address *a, int type)
{
    const struct sockaddr unnamed = {.sa_family = AF_UNIX};

    if (address_is_ip(a) || type != SOCK_DGRAM)
        return 0;
    return bind(fd, &unnamed, sizeof(unnamed.sa_family)) < 0 ? -errno : 0;
}

/* Creates a socket of TYPE with all options, to be connected to A. Returns it or -errno. */
static int prepare(const struct address *a, const struct connect_plan *plan, int type)
{
    int fd = socket(a->sa.sa_family, type | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -errno;
    int r = set_dscp(fd, a, plan->dscp);
    if (r == 0)
        r = bind_source(fd, a, plan->source);
    if (r == 0)
        r = bind_name(fd, a, type);
    if (r < 0)
        fd_close(&fd);
    return r < 0 ? r : fd;
}

int connect_begin(const struct address *address, const struct connect_plan *plan)
{
    int fd = prepare(address, plan, plan->type);

    if (fd < 0)
        return fd;
    int r = fd_set_nonblocking(fd, true);
    if (r == 0 && connect(fd, &address->sa, address->len) < 0)
        r = errno == EINPROGRESS || errno == EINTR ? 0 : -errno;
    if (r < 0)
        fd_close(&fd);
    return r < 0 ? r : fd;
}

int connect_finish(int fd, const struct address *address)
{
    int error;
    socklen_t len = sizeof(error);

    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
        return -errno;
    if (error || !address_is_ip(address))
        return -error;
    if (connect_is_to_itself(fd))
        return -ECONNREFUSED;
    if (connect_type(fd) != SOCK_STREAM)
        return 0;
    return setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int)) < 0 ? -errno : 0;
}

/* ---- Unix sockets ---- */

static bool is_woken(int wake)
{
    struct pollfd set = {.fd = wake, .events = POLLIN};

    return wake >= 0 && poll(&set, 1, 0) > 0;
}

/* Limits connect(2) to DEADLINE, or to SLICE if that is sooner. */
static int set_limit(int fd, uint64_t deadline)
{
    uint64_t now = clock_now(), left = deadline > now ? deadline - now : 1;
    uint64_t limit = left < SLICE ? left : SLICE;
    struct timeval time = {
        .tv_sec = (time_t)(limit / USEC_PER_SEC),
        .tv_usec = (suseconds_t)(limit % USEC_PER_SEC),
    };

    return setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof(time)) < 0 ? -errno : 0;
}

/*
 * If the server's backlog is full, a non-blocking connect(2) fails with EAGAIN, and poll(2) cannot
 * wait for room. A blocking one waits, for up to SO_SNDTIMEO.
 */
static int connect_waiting(int fd, const struct address *a, const struct connect_plan *plan)
{
    for (;;) {
        int r = set_limit(fd, plan->deadline);
        if (r < 0)
            return r;
        if (connect(fd, &a->sa, a->len) == 0)
            return fd_set_nonblocking(fd, true);
        if (errno != EAGAIN && errno != EINTR)
            return -errno;
        if (is_woken(plan->wake))
            return -ECANCELED;
        if (clock_now() >= plan->deadline)
            return -ETIMEDOUT;
    }
}

static int connect_unix_as(const struct address *a, const struct connect_plan *plan, int type)
{
    int fd = prepare(a, plan, type);

    if (fd < 0)
        return fd;
    int r = connect_waiting(fd, a, plan);
    if (r < 0)
        fd_close(&fd);
    return r < 0 ? r : fd;
}

/* Tries the types in turn. The wrong one fails with EPROTOTYPE or, as abstract names of different
 * types are different, with ECONNREFUSED. */
int connect_unix(const struct address *a, const struct connect_plan *plan)
{
    bool abstract = a->un.sun_path[0] == '\0';
    int r = connect_unix_as(a, plan, SOCK_STREAM);

    if (r == -EPROTOTYPE || (abstract && r == -ECONNREFUSED))
        r = connect_unix_as(a, plan, SOCK_SEQPACKET);
    if (!plan->lasting && (r == -EPROTOTYPE || (abstract && r == -ECONNREFUSED)))
        r = connect_unix_as(a, plan, SOCK_DGRAM);
    return r;
}

int connect_type(int fd)
{
    int type = SOCK_STREAM;
    socklen_t len = sizeof(type);

    getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len); /* cannot fail */
    return type;
}

bool connect_ran_short(int error)
{
    switch (error) {
    case -EADDRINUSE:
    case -EADDRNOTAVAIL:
    case -EAGAIN: /* from connect(2): no free local port (ip(7)) */
    case -EMFILE:
    case -ENFILE:
    case -ENOBUFS:
    case -ENOMEM:
        return true;
    }
    return false;
}
