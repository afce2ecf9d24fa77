#include "client/connect/error_queue.h"

#include "base/text.h"
#include "client/connect/stamp.h"

#include <errno.h>
#include <linux/errqueue.h>
#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>
#include <string.h>
#include <time.h>

void error_queue_enable(int fd)
{
    int on = 1;

    /* Both, since an IPv6 socket may send over IPv4. An option of another family may fail. */
    setsockopt(fd, IPPROTO_IP, IP_RECVERR, &on, sizeof(on));
    setsockopt(fd, IPPROTO_IPV6, IPV6_RECVERR, &on, sizeof(on));
}

static void set_source(struct queued_error *e, const struct sock_extended_err *ee)
{
    const struct sockaddr *sa = SO_EE_OFFENDER(ee);

    if (sa->sa_family == AF_INET)
        e->from.len = sizeof(struct sockaddr_in);
    else if (sa->sa_family == AF_INET6)
        e->from.len = sizeof(struct sockaddr_in6);
    memcpy(&e->from.storage, sa, e->from.len);
    if (e->from.len > 0)
        address_set_port(&e->from, 0);
}

static bool is_expired(const struct sock_extended_err *ee)
{
    return (ee->ee_origin == SO_EE_ORIGIN_ICMP && ee->ee_type == ICMP_TIME_EXCEEDED) ||
           (ee->ee_origin == SO_EE_ORIGIN_ICMP6 && ee->ee_type == ICMP6_TIME_EXCEEDED);
}

/* Converts EE to E. Returns false if it is a timestamp, which arrives in the same queue. */
static bool convert(const struct sock_extended_err *ee, struct queued_error *e)
{
    bool icmp = ee->ee_origin == SO_EE_ORIGIN_ICMP || ee->ee_origin == SO_EE_ORIGIN_ICMP6;

    if (!icmp && ee->ee_origin != SO_EE_ORIGIN_LOCAL)
        return false;
    *e = (struct queued_error){.error = (int)ee->ee_errno, .icmp = icmp, .expired = is_expired(ee)};
    if (e->error == EMSGSIZE)
        e->mtu = ee->ee_info;
    if (icmp)
        set_source(e, ee);
    return true;
}

static const struct sock_extended_err *extended(struct msghdr *msg)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c))
        if ((c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVERR) ||
            (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_RECVERR))
            return (const struct sock_extended_err *)(const void *)CMSG_DATA(c);
    return NULL;
}

static bool is_departure(const struct sock_extended_err *ee)
{
    return ee->ee_origin == SO_EE_ORIGIN_TIMESTAMPING;
}

enum queued error_queue_take(int fd, struct queued_error *e, struct departure *d)
{
    union {
        struct cmsghdr aligned;
        char bytes[512];
    } control;
    char data[1]; /* the returned packet is not needed */
    struct iovec iov = {.iov_base = data, .iov_len = sizeof(data)};

    for (;;) {
        struct msghdr msg = {.msg_iov = &iov,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof(control)};
        if (recvmsg(fd, &msg, MSG_ERRQUEUE | MSG_DONTWAIT | MSG_CMSG_CLOEXEC) < 0)
            return QUEUED_NOTHING;
        const struct sock_extended_err *ee = extended(&msg);
        if (ee && convert(ee, e))
            return QUEUED_ERROR;
        if (ee && is_departure(ee)) {
            *d = (struct departure){.number = ee->ee_data, .time = stamp_of(&msg)};
            return QUEUED_DEPARTURE;
        }
    }
}

bool error_queue_prefers(const struct queued_error *later, const struct queued_error *before)
{
    return later->icmp || !before->icmp;
}

bool error_queue_drain(int fd, struct queued_error *e)
{
    struct queued_error next;
    struct departure departure;
    enum queued kind;
    bool any = false;

    while ((kind = error_queue_take(fd, &next, &departure)) != QUEUED_NOTHING) {
        if (kind == QUEUED_ERROR && (!any || error_queue_prefers(&next, e)))
            *e = next;
        any = any || kind == QUEUED_ERROR;
    }
    return any;
}

const char *error_queue_describe(const struct queued_error *e, char *buf)
{
    char from[ADDRESS_TEXT_MAX];

    buf[0] = '\0';
    text_append(buf, QUEUED_ERROR_TEXT_MAX, "%s",
                e->expired ? "Time to live exceeded" : strerror(e->error));
    if (e->from.len > 0)
        text_append(buf, QUEUED_ERROR_TEXT_MAX, ", reported by %.100s",
                    address_host(&e->from, from, sizeof(from)));
    if (e->mtu > 0)
        text_append(buf, QUEUED_ERROR_TEXT_MAX, " (MTU %u)", e->mtu);
    return buf;
}
