#include "client/connect.h"

#include "base/span.h"
#include "base/util.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

static const char *reason_of(int gai_error)
{
    if (gai_error == EAI_SYSTEM)
        return strerror(errno);
    if (gai_error == EAI_SERVICE) /* glibc: "Servname not supported for ai_socktype" */
        return "unknown service name";
    return gai_strerror(gai_error);
}

static bool is_known(const struct attempts *attempts, const struct address *a)
{
    for (size_t i = 0; i < attempts->count; i++)
        if (address_equal(&attempts->list[i].address, a))
            return true;
    return false;
}

static void add_address(struct attempts *attempts, const struct address *a)
{
    if (is_known(attempts, a)) /* two lines in /etc/hosts may name the same one */
        return;
    attempts->list = array_append(attempts->list, &attempts->count, sizeof(*attempts->list));
    attempts->list[attempts->count - 1].address = *a;
}

static void add_found(struct attempts *attempts, const struct addrinfo *info)
{
    for (; info; info = info->ai_next) {
        struct address a = {.len = info->ai_addrlen};
        memcpy(&a.storage, info->ai_addr, info->ai_addrlen);
        add_address(attempts, &a);
    }
}

/* HOST as getaddrinfo(3) wants it, without the brackets around an IPv6 address; freed by caller. */
static char *bare_host(const char *host)
{
    size_t len = strlen(host);

    if (len > 2 && host[0] == '[' && host[len - 1] == ']')
        return text_copy_n(host + 1, len - 2);
    return text_copy(host);
}

static int resolve_host(const struct target *target, struct attempts *found, const char **reason)
{
    /* No AI_ADDRCONFIG: it takes localhost away from machines that have only a loopback. */
    struct addrinfo hints = {.ai_family = target->family, .ai_socktype = target->type};
    struct addrinfo *list;
    char *host = bare_host(target->host);
    int r = getaddrinfo(host, target->port, &hints, &list);

    if (r != 0)
        *reason = reason_of(r); /* before free() can touch errno */
    free(host);
    if (r != 0)
        return r == EAI_SERVICE ? -EPROTONOSUPPORT : -EADDRNOTAVAIL;
    add_found(found, list);
    freeaddrinfo(list);
    return 0;
}

int target_resolve(const struct target *target, struct attempts *found, const char **reason)
{
    struct address a;

    *found = (struct attempts){0};
    if (!target->path)
        return resolve_host(target, found, reason);
    if (address_unix(&a, target->path) < 0) {
        *reason = "not the path of a Unix socket";
        return -EINVAL;
    }
    add_address(found, &a);
    return 0;
}

void attempts_free(struct attempts *attempts)
{
    free(attempts->list);
    *attempts = (struct attempts){0};
}

/* Waits until FD is writable. Returns 0, -ETIMEDOUT, -ECANCELED or -errno. */
static int await_connection(int fd, const struct connect_plan *plan)
{
    struct pollfd set[] = {{.fd = fd, .events = POLLOUT}, {.fd = plan->wake, .events = POLLIN}};
    uint64_t deadline = clock_now() + plan->timeout;
    int left, n;

    do {
        left = plan->timeout ? clock_until(deadline) : -1;
        n = poll(set, ARRAY_SIZE(set), left);
    } while ((n < 0 && errno == EINTR) || (n == 0 && left != 0));
    if (n <= 0)
        return n < 0 ? -errno : -ETIMEDOUT;
    return set[1].revents ? -ECANCELED : 0;
}

/* A port that nobody listens on, but that we were given as our own, answers: with ourselves. */
static bool is_connected_to_itself(int fd)
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
    traffic_class = dscp << 2; /* the other two bits are ECN's (RFC 3168) */
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
    /* The port is chosen at connect(2), when it need differ only from those to the same peer. */
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &(int){1}, sizeof(int));
    return bind(fd, &source->sa, source->len) < 0 ? -errno : 0;
}

/* Datagrams of a Unix socket are answered to a name: the kernel makes one up (unix(7)). */
static int bind_name(int fd, const struct address *a, int type)
{
    const struct sockaddr unnamed = {.sa_family = AF_UNIX};

    if (address_is_ip(a) || type != SOCK_DGRAM)
        return 0;
    return bind(fd, &unnamed, sizeof(unnamed.sa_family)) < 0 ? -errno : 0;
}

/* A socket of TYPE that is ready to be connected to A, or -errno. */
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
    if (error || connect_type(fd) != SOCK_STREAM || !address_is_ip(address))
        return -error;
    if (is_connected_to_itself(fd))
        return -ECONNREFUSED;
    return setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int)) < 0 ? -errno : 0;
}

static int connect_ip(const struct address *address, const struct connect_plan *plan)
{
    int fd = connect_begin(address, plan);

    if (fd < 0)
        return fd;
    int r = await_connection(fd, plan);
    if (r == 0)
        r = connect_finish(fd, address);
    if (r < 0)
        fd_close(&fd);
    return r < 0 ? r : fd;
}

/*
 * Where the server's backlog is full, a non-blocking connect(2) fails at once with EAGAIN and
 * poll(2) cannot wait for room; a blocking one waits, for SO_SNDTIMEO.
 */
static int connect_waiting(int fd, const struct address *a, uint64_t timeout)
{
    struct timeval limit = {
        .tv_sec = (time_t)(timeout / USEC_PER_SEC),
        .tv_usec = (suseconds_t)(timeout % USEC_PER_SEC),
    };
    int r;

    if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) < 0)
        return -errno;
    do
        r = connect(fd, &a->sa, a->len);
    while (r < 0 && errno == EINTR);
    if (r < 0)
        return errno == EAGAIN ? -ETIMEDOUT : -errno;
    return fd_set_nonblocking(fd, true);
}

static int connect_unix_as(const struct address *a, const struct connect_plan *plan, int type)
{
    int fd = prepare(a, plan, type);

    if (fd < 0)
        return fd;
    int r = connect_waiting(fd, a, plan->timeout);
    if (r < 0)
        fd_close(&fd);
    return r < 0 ? r : fd;
}

/* Tries the types in turn: the wrong one is EPROTOTYPE; of abstract names each type has its own. */
static int connect_unix(const struct address *a, const struct connect_plan *plan)
{
    bool abstract = a->un.sun_path[0] == '\0';
    int r = connect_unix_as(a, plan, SOCK_STREAM);

    if (r == -EPROTOTYPE || (abstract && r == -ECONNREFUSED))
        r = connect_unix_as(a, plan, SOCK_SEQPACKET);
    if (!plan->lasting && (r == -EPROTOTYPE || (abstract && r == -ECONNREFUSED)))
        r = connect_unix_as(a, plan, SOCK_DGRAM);
    return r;
}

int connect_address(const struct address *address, const struct connect_plan *plan)
{
    return address_is_ip(address) ? connect_ip(address, plan) : connect_unix(address, plan);
}

int connect_type(int fd)
{
    int type = SOCK_STREAM;
    socklen_t len = sizeof(type);

    getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len); /* of a socket it does not fail */
    return type;
}
