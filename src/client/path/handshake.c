#include "client/path/handshake.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/macros.h"
#include "client/io/wait.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Longer than any reply of whoami. */
#define REPLY_MAX 8192

/* The size of the timestamp option in each segment. */
#define TIMESTAMPS_SIZE 12

/* ---- the options of our SYN ---- */

/* Returns the number in /proc/sys/net/ipv4/NAME, or -1 if it cannot be read. */
static int sysctl_of(const char *name)
{
    char path[64];
    int value = -1;

    snprintf(path, sizeof(path), "/proc/sys/net/ipv4/%s", name);
    FILE *file = fopen(path, "re");
    if (!file)
        return -1;
    if (fscanf(file, "%d", &value) != 1)
        value = -1;
    fclose(file);
    return value;
}

/* Whether a SYN requests ECN with this value of tcp_ecn: 1 and 4 request classic ECN (RFC 3168), 3
 * requests accurate ECN; 0, 2 and 5 do not request it. */
static bool requests_ecn(int value)
{
    return value == 1 || value == 3 || value == 4;
}

static void read_requested(struct handshake *h)
{
    int ecn = sysctl_of("tcp_ecn");

    h->ecn_known = ecn >= 0;
    h->requested = (sysctl_of("tcp_timestamps") > 0 ? AGREED_TIMESTAMPS : 0) |
                   (sysctl_of("tcp_sack") > 0 ? AGREED_SACK : 0) |
                   (sysctl_of("tcp_window_scaling") > 0 ? AGREED_WINDOW_SCALE : 0) |
                   (requests_ecn(ecn) ? AGREED_ECN : 0);
}

/* ---- connecting ---- */

static int set_ttl(int fd, const struct address *a, int ttl)
{
    int level = a->sa.sa_family == AF_INET6 ? IPPROTO_IPV6 : IPPROTO_IP;
    int name = a->sa.sa_family == AF_INET6 ? IPV6_UNICAST_HOPS : IP_TTL;

    return ttl > 0 && setsockopt(fd, level, name, &ttl, sizeof(ttl)) < 0 ? -errno : 0;
}

static int get_ttl(int fd, const struct address *a)
{
    int level = a->sa.sa_family == AF_INET6 ? IPPROTO_IPV6 : IPPROTO_IP;
    int name = a->sa.sa_family == AF_INET6 ? IPV6_UNICAST_HOPS : IP_TTL;
    int ttl = -1;
    socklen_t len = sizeof(ttl);

    return getsockopt(fd, level, name, &ttl, &len) < 0 ? -1 : ttl;
}

/* Waits for EVENTS of FD, until DEADLINE or until WAKE is readable. Returns 0 or -errno. */
static int await(int fd, short events, uint64_t deadline, int wake)
{
    struct pollfd set[] = {{.fd = fd, .events = events}, {.fd = wake, .events = POLLIN}};

    for (;;) {
        int n = poll(set, ARRAY_SIZE(set), clock_timeout(deadline));
        if (n > 0)
            return set[1].revents ? -ECANCELED : 0;
        if (n < 0 && errno != EINTR)
            return -errno;
        if (clock_now() >= deadline)
            return -ETIMEDOUT;
    }
}

/* Not connect_begin(), because the TTL must be set before the SYN is sent. */
static int begin(const struct common_options *c, const struct address *address,
                 const struct handshake_plan *plan)
{
    int fd = socket(address->sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int traffic_class = plan->dscp < 0 ? 0 : plan->dscp << 2, r = 0;
    bool v6 = address->sa.sa_family == AF_INET6;

    if (fd < 0)
        return -errno;
    if (plan->dscp >= 0 && setsockopt(fd, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_TCLASS : IP_TOS,
                                      &traffic_class, sizeof(traffic_class)) < 0)
        r = -errno;
    if (r == 0)
        r = set_ttl(fd, address, plan->ttl);
    if (r == 0 && c->source.len > 0 && bind(fd, &c->source.sa, c->source.len) < 0)
        r = -errno;
    if (r == 0 && connect(fd, &address->sa, address->len) < 0 && errno != EINPROGRESS)
        r = -errno;
    if (r < 0)
        fd_close(&fd);
    return r < 0 ? r : fd;
}

static int open_connection(const struct common_options *c, const struct address *address,
                           const struct handshake_plan *plan, uint64_t deadline)
{
    int fd = begin(c, address, plan);

    if (fd < 0)
        return fd;
    int r = await(fd, POLLOUT, deadline, plan->wake);
    if (r == 0)
        r = connect_finish(fd, address);
    if (r < 0)
        fd_close(&fd);
    return r < 0 ? r : fd;
}

/* ---- the result in our kernel ---- */

static unsigned agreed_of(const struct tcp_info *info)
{
    return (info->tcpi_options & TCPI_OPT_TIMESTAMPS ? AGREED_TIMESTAMPS : 0) |
           (info->tcpi_options & TCPI_OPT_SACK ? AGREED_SACK : 0) |
           (info->tcpi_options & TCPI_OPT_WSCALE ? AGREED_WINDOW_SCALE : 0) |
           (info->tcpi_options & TCPI_OPT_ECN ? AGREED_ECN : 0);
}

/* If timestamps were negotiated, the kernel has subtracted their size from each MSS. */
static void read_info(int fd, struct handshake *h)
{
    struct tcp_info info = {0};
    socklen_t len = sizeof(info);
    int headers = h->peer.sa.sa_family == AF_INET6 ? 60 : 40;

    h->window_scale = -1;
    h->peer_mss = -1;
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) < 0)
        return;
    h->agreed = agreed_of(&info);
    h->ecn_seen = info.tcpi_options & TCPI_OPT_ECN_SEEN;
    int spent = h->agreed & AGREED_TIMESTAMPS ? TIMESTAMPS_SIZE : 0;
    h->mss = (int)info.tcpi_advmss + spent;
    h->peer_mss = (int)info.tcpi_snd_mss + spent;
    h->peer_mss_limit = (int)info.tcpi_pmtu - headers;
    if (h->agreed & AGREED_WINDOW_SCALE)
        h->window_scale = info.tcpi_rcv_wscale;
    h->repeated = info.tcpi_total_retrans > 0;
}

/* ---- the reply ---- */

/* Receives up to the end, as a string. Returns its length or -errno. */
static ssize_t receive(int fd, char *buf, size_t size, uint64_t deadline, int wake)
{
    size_t used = 0;

    while (used + 1 < size) {
        int r = await(fd, POLLIN, deadline, wake);
        ssize_t n = r < 0 ? -1 : recv(fd, buf + used, size - used - 1, 0);
        if (r < 0)
            return r;
        if (n < 0 && errno != EAGAIN && errno != EINTR)
            return -errno;
        if (n == 0)
            break;
        used += n > 0 ? (size_t)n : 0;
    }
    buf[used] = '\0';
    return (ssize_t)used;
}

static int ask(int fd, struct handshake *h, uint64_t deadline, int wake)
{
    char text[REPLY_MAX];
    bool ecn_seen;

    shutdown(fd, SHUT_WR); /* otherwise an echo service would wait for more */
    ssize_t len = receive(fd, text, sizeof(text), deadline, wake);
    ecn_seen = h->ecn_seen;
    read_info(fd, h); /* again, now that data has arrived */
    h->ecn_seen = h->ecn_seen || ecn_seen;
    if (len < 0)
        return (int)len;
    h->closed = len == 0;
    return whoami_reply_parse(text, &h->reply);
}

int handshake_ask(const struct common_options *c, const struct address *address,
                  const struct handshake_plan *plan, struct handshake *h)
{
    uint64_t deadline = c->timeout ? clock_now() + c->timeout : NEVER;

    *h = (struct handshake){.peer = *address, .dscp = plan->dscp < 0 ? 0 : plan->dscp};
    read_requested(h);
    uint64_t patience = plan->patience ? clock_now() + plan->patience : NEVER;
    int fd = open_connection(c, address, plan, clock_earlier(patience, deadline));
    if (fd < 0)
        return fd;
    h->connected = true;
    int r = address_local(&h->own, fd);
    h->ttl = get_ttl(fd, address);
    if (r == 0)
        r = ask(fd, h, deadline, plan->wake);
    fd_close(&fd);
    return r;
}
