#include "client/flows/datagram_probe.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/macros.h"
#include "client/io/wait.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

/* Time between the copies of one size, because a burst may be dropped as a whole. */
#define PAUSE (100 * USEC_PER_MSEC)

/* The callback probe_stream.take. */
static void take(void *context, const struct reply *reply)
{
    struct datagram_probe *d = context;

    if (reply->verdict == REPLY_STRAY)
        return;
    d->rtt = reply->time;
    if (reply->verdict == REPLY_TRUNCATED) {
        d->truncated_from = reply->size;
        d->truncated_to = (uint32_t)reply->len;
    }
    for (size_t i = 0; i < d->count; i++)
        if (d->sizes[i] == reply->size)
            d->passed[i] = true;
}

/* Forbids fragments and ignores the known path MTU, so that each size is really sent. */
static void forbid_fragments(int fd)
{
    setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &(int){IP_PMTUDISC_PROBE}, sizeof(int));
    setsockopt(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, &(int){IPV6_PMTUDISC_PROBE}, sizeof(int));
}

int datagram_probe_open(struct datagram_probe *d, const struct common_options *c,
                        const struct address *address, int interrupts)
{
    struct connect_plan plan = common_options_connect_plan(c, -1);

    plan.type = SOCK_DGRAM;
    int fd = connect_begin(address, &plan);
    *d = (struct datagram_probe){.interrupts = interrupts, .patience = USEC_PER_SEC};
    d->stream = (struct probe_stream){.fd = fd < 0 ? -1 : fd,
                                      .type = SOCK_DGRAM,
                                      .run = probe_run(),
                                      .window = &d->window,
                                      .take = take,
                                      .context = d};
    if (fd < 0)
        return fd;
    probe_window_init(&d->window, 256);
    error_queue_enable(fd);
    forbid_fragments(fd);
    return 0;
}

void datagram_probe_close(struct datagram_probe *d)
{
    if (d->stream.fd < 0)
        return;
    probe_stream_free(&d->stream);
    probe_window_free(&d->window);
    fd_close(&d->stream.fd);
}

static bool has_all(const struct datagram_probe *d)
{
    for (size_t i = 0; i < d->count; i++)
        if (!d->passed[i])
            return false;
    return true;
}

/*
 * Handles R, the result of a call, and the error queue. Returns the error, or 0 if there is none or
 * if it is a report that a size is too large, since smaller sizes may still pass.
 */
static int take_error(struct datagram_probe *d, int r)
{
    struct queued_error queued = {.error = -r};

    probe_stream_take_error(&d->stream, &queued);
    if (queued.error == 0)
        return 0;
    d->queued = queued;
    return queued.error == EMSGSIZE && queued.icmp ? 0 : -queued.error;
}

static bool is_too_large(const struct datagram_probe *d)
{
    return d->queued.error == EMSGSIZE && d->queued.icmp;
}

/* Receives until DEADLINE, until all sizes have come back, or until the only one is reported as too
 * large. Returns 0, -errno or -ECANCELED. */
static int collect(struct datagram_probe *d, uint64_t deadline)
{
    struct pollfd set[] = {{.fd = d->stream.fd, .events = POLLIN},
                           {.fd = d->interrupts, .events = POLLIN}};
    int r = 0;

    while (r == 0 && !has_all(d) && clock_now() < deadline && !(d->count == 1 && is_too_large(d))) {
        if (poll(set, ARRAY_SIZE(set), clock_timeout(deadline)) <= 0)
            continue;
        if (set[1].revents)
            return -ECANCELED;
        r = probe_stream_receive(&d->stream);
        if (r < 0 || set[0].revents & POLLERR)
            r = take_error(d, r);
    }
    return r;
}

static int send_missing(struct datagram_probe *d)
{
    int r = 0;

    for (size_t i = 0; i < d->count && r == 0; i++)
        if (!d->passed[i])
            r = probe_stream_send(&d->stream, d->sizes[i]);
    return r < 0 ? take_error(d, r) : 0;
}

int datagram_probe_round(struct datagram_probe *d, unsigned copies)
{
    int r = 0;

    d->queued = (struct queued_error){0};
    memset(d->passed, 0, sizeof(d->passed));
    for (unsigned n = 1;
         n <= copies && r == 0 && !has_all(d) && !(d->count == 1 && is_too_large(d)); n++) {
        r = send_missing(d);
        if (r == 0)
            r = collect(d, clock_now() + (n < copies ? PAUSE : d->patience));
    }
    return r;
}

int datagram_probe_size(struct datagram_probe *d, uint32_t size, unsigned copies)
{
    d->sizes[0] = size;
    d->count = 1;
    int r = datagram_probe_round(d, copies);
    if (r < 0 || d->passed[0])
        return r;
    return is_too_large(d) ? -EMSGSIZE : -ETIMEDOUT;
}
