#include "worker/datagram_batch.h"

#include "base/passed_fds.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

/* How long to wait for a full socket, until the device or the loopback queue has sent some. */
#define FULL_MSEC 100

/* ---- receiving ---- */

int datagram_batch_open(struct datagram_batch *batch, int fd, size_t most)
{
    struct address own;
    int r = address_local(&own, fd);

    batch->fd = fd;
    batch->most = most;
    batch->ip = r == 0 && address_is_ip(&own);
    return r;
}

/* Unix sockets get no control buffer: the kernel closes passed descriptors that have no room. */
static void prepare(struct datagram_batch *batch)
{
    for (size_t i = 0; i < BATCH_SIZE; i++) {
        struct datagram *d = &batch->item[i];
        batch->data[i] = (struct iovec){.iov_base = batch->buffer[i], .iov_len = BATCH_BUFFER};
        batch->header[i].msg_hdr = (struct msghdr){.msg_name = &d->peer.storage,
                                                   .msg_namelen = sizeof(d->peer.storage),
                                                   .msg_iov = &batch->data[i],
                                                   .msg_iovlen = 1,
                                                   .msg_control = batch->control[i].bytes};
        batch->header[i].msg_hdr.msg_controllen = batch->ip ? sizeof(batch->control[i]) : 0;
    }
}

static void take_ipv4(struct datagram *d, const struct cmsghdr *c)
{
    struct in_pktinfo info;

    memcpy(&info, CMSG_DATA(c), sizeof(info));
    d->to = (struct address){.len = sizeof(d->to.in),
                             .in = {.sin_family = AF_INET, .sin_addr = info.ipi_addr}};
    /* ipi_spec_dst is the address that the kernel would reply from. It differs from the destination
     * if that is broadcast or multicast, and is unset if the datagram was queued before the option
     * was set. In that case, sending from an address that is not unicast fails. */
    d->unicast =
        info.ipi_spec_dst.s_addr == info.ipi_addr.s_addr || info.ipi_spec_dst.s_addr == INADDR_ANY;
}

static void take_ipv6(struct datagram *d, const struct cmsghdr *c)
{
    struct in6_pktinfo info;

    memcpy(&info, CMSG_DATA(c), sizeof(info));
    d->to = (struct address){.len = sizeof(d->to.in6),
                             .in6 = {.sin6_family = AF_INET6,
                                     .sin6_addr = info.ipi6_addr,
                                     .sin6_scope_id = info.ipi6_ifindex}};
}

/* Stores the destination. If there are two, the one of IPv4 is used, in whatever order they are. */
static void take_control(struct datagram *d, struct msghdr *header)
{
    d->to = (struct address){.len = 0};
    d->unicast = true;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c; c = CMSG_NXTHDR(header, c)) {
        if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO)
            take_ipv4(d, c);
        else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO && d->to.len == 0)
            take_ipv6(d, c);
    }
}

/* recvmmsg(2), bounded by a timer, because passed descriptors can make it block. */
static int receive(struct datagram_batch *batch)
{
    if (!batch->ip)
        passed_fds_guard(PASSED_FDS_MOMENT);
    /* With MSG_TRUNC, the length is that of the datagram even if it is truncated. */
    int n = recvmmsg(batch->fd, batch->header, (unsigned)batch->most,
                     MSG_DONTWAIT | MSG_TRUNC | MSG_CMSG_CLOEXEC, NULL);
    if (!batch->ip)
        passed_fds_unguard();
    return n;
}

int datagram_batch_receive(struct datagram_batch *batch)
{
    prepare(batch);
    int n = receive(batch);

    batch->count = n < 0 ? 0 : (size_t)n;
    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : -errno;
    for (size_t i = 0; i < batch->count; i++) {
        struct datagram *d = &batch->item[i];
        d->peer.len = batch->header[i].msg_hdr.msg_namelen;
        d->data = batch->buffer[i];
        d->len = batch->header[i].msg_len;
        d->answered = false;
        take_control(d, &batch->header[i].msg_hdr);
    }
    return n;
}

int datagram_batch_discard_errors(const struct datagram_batch *batch)
{
    struct msghdr nothing = {0};
    int count = 0;

    /* On a Unix socket, MSG_ERRQUEUE would receive a datagram. */
    while (batch->ip && count < BATCH_SIZE &&
           recvmsg(batch->fd, &nothing, MSG_ERRQUEUE | MSG_DONTWAIT | MSG_CMSG_CLOEXEC) >= 0)
        count++;
    return count;
}

/* ---- answering ---- */

static size_t put_control(union batch_control *control, int level, int type, const void *info,
                          size_t size)
{
    *control = (union batch_control){.align = {.cmsg_level = level, .cmsg_type = type}};
    control->align.cmsg_len = CMSG_LEN(size);
    memcpy(CMSG_DATA(&control->align), info, size);
    return CMSG_SPACE(size);
}

/* Makes the kernel reply from the address that the request was sent to. The routing table chooses
 * the interface, except for a link-local address, which is ambiguous without it. Returns the size.
 */
static size_t put_source(union batch_control *control, const struct address *from)
{
    struct in_pktinfo info = {.ipi_spec_dst = from->in.sin_addr};
    struct in6_pktinfo info6 = {.ipi6_addr = from->in6.sin6_addr};

    if (from->len == 0)
        return 0;
    if (from->sa.sa_family == AF_INET)
        return put_control(control, IPPROTO_IP, IP_PKTINFO, &info, sizeof(info));
    if (IN6_IS_ADDR_LINKLOCAL(&info6.ipi6_addr))
        info6.ipi6_ifindex = from->in6.sin6_scope_id;
    return put_control(control, IPPROTO_IPV6, IPV6_PKTINFO, &info6, sizeof(info6));
}

/* Moves the replies to the front of the array for sendmmsg(2). Returns how many there are; ORDER
 * gets the datagram of each. */
static size_t line_up(struct datagram_batch *batch, const struct datagram **order)
{
    size_t count = 0;

    for (size_t i = 0; i < batch->count; i++) {
        struct datagram *d = &batch->item[i];
        if (!d->answered)
            continue;
        size_t control = put_source(&batch->control[count], &d->to);
        batch->data[count] = (struct iovec){.iov_base = d->answer.data, .iov_len = d->answer.len};
        batch->header[count].msg_hdr =
            (struct msghdr){.msg_name = &d->peer.storage,
                            .msg_namelen = d->peer.len,
                            .msg_iov = &batch->data[count],
                            .msg_iovlen = 1,
                            .msg_control = control ? batch->control[count].bytes : NULL,
                            .msg_controllen = control};
        order[count++] = d;
    }
    return count;
}

/* Waits until FD has room. Returns false for a Unix socket, where the queue of the peer is full,
 * not FD. */
static bool wait_for_room(int fd, const struct datagram *d)
{
    struct pollfd p = {.fd = fd, .events = POLLOUT};

    return address_is_ip(&d->peer) && poll(&p, 1, FULL_MSEC) > 0;
}

void datagram_batch_send(struct datagram_batch *batch,
                         void (*sent)(const struct datagram *datagram, int result, void *context),
                         void *context)
{
    const struct datagram *order[BATCH_SIZE];
    size_t count = line_up(batch, order), next = 0;

    while (next < count) {
        int n = sendmmsg(batch->fd, batch->header + next, (unsigned)(count - next),
                         MSG_DONTWAIT | MSG_NOSIGNAL);
        int error = n < 0 ? errno : 0;
        if (error == EINTR || (error == EAGAIN && wait_for_room(batch->fd, order[next])))
            continue;
        if (error) /* that of the first reply, which is dropped */
            sent(order[next++], -error, context);
        for (int i = 0; i < n && next < count; i++)
            sent(order[next++], 0, context);
    }
}
