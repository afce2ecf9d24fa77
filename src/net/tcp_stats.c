#include "net/tcp_stats.h"

#include "base/clock.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <stddef.h>
#include <sys/socket.h>

/* The fields that exist since Linux 4.10. */
#define ENOUGH (offsetof(struct tcp_info, tcpi_sndbuf_limited) + sizeof(uint64_t))
/* A segment is not retransmitted for longer, so no round trip is longer. */
#define RTT_MAX (3600 * USEC_PER_SEC)

bool tcp_stats_get(struct tcp_stats *stats, int fd)
{
    struct tcp_info info = {0};
    socklen_t len = sizeof(info);

    *stats = (struct tcp_stats){0};
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) < 0 || len < ENOUGH)
        return false;
    *stats = (struct tcp_stats){
        .known = 1,
        .rtt = info.tcpi_rtt,
        .rttvar = info.tcpi_rtt ? info.tcpi_rttvar : 0, /* not the kernel's initial guess */
        .min_rtt = info.tcpi_min_rtt == UINT32_MAX ? 0 : info.tcpi_min_rtt,
        .retransmits = info.tcpi_total_retrans,
        .lost = info.tcpi_lost,
        .delivery_rate = info.tcpi_delivery_rate,
        .busy = info.tcpi_busy_time,
        .rwnd_limited = info.tcpi_rwnd_limited,
        .sndbuf_limited = info.tcpi_sndbuf_limited,
    };
    return true;
}

static bool is_possible(const struct tcp_stats *stats)
{
    return stats->known == 1 && stats->rtt <= RTT_MAX && stats->rttvar <= RTT_MAX &&
           stats->min_rtt <= RTT_MAX && stats->rwnd_limited <= stats->busy &&
           stats->sndbuf_limited <= stats->busy - stats->rwnd_limited;
}

bool tcp_stats_copy(struct tcp_stats *copy, const volatile struct tcp_stats *shared)
{
    *copy = *shared;
    if (is_possible(copy))
        return true;
    *copy = (struct tcp_stats){0};
    return false;
}

const char *tcp_limit(uint64_t busy, uint64_t rwnd_limited, uint64_t sndbuf_limited)
{
    if (rwnd_limited > busy / 2 && rwnd_limited >= sndbuf_limited)
        return "receiver's window";
    if (sndbuf_limited > busy / 2)
        return "send buffer";
    return rwnd_limited + sndbuf_limited == 0 ? "application" : "path";
}
