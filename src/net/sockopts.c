#include "net/sockopts.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/macros.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/time.h>

#ifndef SO_BUF_LOCK
#define SO_BUF_LOCK 72 /* Linux 5.14 */
#endif
#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#define UDP_GRO 104
#endif
/* The bits of SO_BUF_LOCK. If set, the kernel no longer adjusts the size of that buffer. */
#define SNDBUF_LOCK 1
#define RCVBUF_LOCK 2

/* ---- inherited options ---- */

/* Returns a new socket of the same kind as FD, to read the default options from, or -1. */
static int similar(int fd)
{
    int domain = 0, type = 0;
    socklen_t len = sizeof(int);

    if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) < 0 ||
        getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) < 0)
        return -1;
    return socket(domain, type | SOCK_CLOEXEC, 0);
}

/* Gives the buffer of FD the size of that of FRESH, and lets the kernel adjust it again. */
static void reset_buffer(int fd, int fresh, int option, int lock)
{
    int own = 0, usual = 0, locks = 0;
    socklen_t len = sizeof(int);

    if (getsockopt(fd, SOL_SOCKET, option, &own, &len) < 0 ||
        getsockopt(fresh, SOL_SOCKET, option, &usual, &len) < 0 || own >= usual)
        return;
    usual /= 2; /* the kernel doubles it (socket(7)) */
    setsockopt(fd, SOL_SOCKET, option, &usual, sizeof(usual));
    if (getsockopt(fd, SOL_SOCKET, SO_BUF_LOCK, &locks, &len) < 0)
        return;
    locks &= ~lock;
    setsockopt(fd, SOL_SOCKET, SO_BUF_LOCK, &locks, sizeof(locks));
}

static void reset_buffers(int fd)
{
    int fresh = similar(fd);

    if (fresh < 0)
        return;
    reset_buffer(fd, fresh, SO_RCVBUF, RCVBUF_LOCK);
    reset_buffer(fd, fresh, SO_SNDBUF, SNDBUF_LOCK);
    fd_close(&fresh);
}

int sockopts_reset(int fd)
{
    static const struct {
        int level, name, value;
    } usual[] = {
        {SOL_SOCKET, SO_RCVLOWAT, 1},       {SOL_SOCKET, SO_MAX_PACING_RATE, -1},
        {SOL_SOCKET, SO_TIMESTAMP, 0},      {SOL_SOCKET, SO_TIMESTAMPNS, 0},
        {SOL_SOCKET, SO_TIMESTAMPING, 0},   {SOL_SOCKET, SO_RXQ_OVFL, 0},
        {IPPROTO_IP, IP_RECVERR, 0},        {IPPROTO_IPV6, IPV6_RECVERR, 0},
        {IPPROTO_TCP, TCP_CORK, 0},         {IPPROTO_TCP, TCP_DEFER_ACCEPT, 0},
        {IPPROTO_TCP, TCP_USER_TIMEOUT, 0}, {IPPROTO_TCP, TCP_LINGER2, 0},
        {IPPROTO_UDP, UDP_CORK, 0},         {IPPROTO_UDP, UDP_SEGMENT, 0},
        {IPPROTO_UDP, UDP_GRO, 0},
    };
    const struct linger linger = {0};
    const struct timeval never = {0};

    /* And neither O_ASYNC, whose signal would end us, nor others. */
    if (fcntl(fd, F_SETFL, O_NONBLOCK) < 0)
        return -errno;
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &never, sizeof(never));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &never, sizeof(never));
    for (size_t i = 0; i < ARRAY_SIZE(usual); i++) /* those of other protocols may fail */
        setsockopt(fd, usual[i].level, usual[i].name, &usual[i].value, sizeof(usual[i].value));
    reset_buffers(fd);
    return 0;
}

/* ---- keepalive ---- */

/* Half of the time until a peer is given up passes before the first probe. */
#define PROBES 3

/* Sets OPTION of FD to VALUE, or to the system's default if that is less. */
static void set_at_most(int fd, int fresh, int option, uint64_t value)
{
    int system = INT_MAX, chosen = value < 1 ? 1 : (int)value;
    socklen_t len = sizeof(system);

    if (fresh >= 0 && getsockopt(fresh, IPPROTO_TCP, option, &system, &len) == 0 && system < chosen)
        chosen = system;
    setsockopt(fd, IPPROTO_TCP, option, &chosen, sizeof(chosen));
}

void sockopts_keepalive(int fd, uint64_t usec)
{
    uint64_t seconds = (usec + USEC_PER_SEC - 1) / USEC_PER_SEC;
    int protocol = 0, on = usec > 0;
    socklen_t len = sizeof(protocol);

    if (getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &len) < 0 || protocol != IPPROTO_TCP)
        return;
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    if (!on)
        return;
    int fresh = similar(fd); /* fails in a sandbox without a network */
    set_at_most(fd, fresh, TCP_KEEPIDLE, seconds / 2);
    set_at_most(fd, fresh, TCP_KEEPINTVL, seconds / 2 / PROBES);
    set_at_most(fd, fresh, TCP_KEEPCNT, PROBES);
    fd_close(&fresh);
}
