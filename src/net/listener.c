#include "net/listener.h"

#include "base/fd.h"
#include "net/identity.h"
#include "net/socket_file.h"
#include "net/sockopts.h"

#include <errno.h>
#include <limits.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* The kernel limits it to net.core.somaxconn. */
#define BACKLOG 4096

/* Whether a sandbox refuses all network sockets, which must not be mistaken for a lack of IPv6. */
static bool is_confined(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool confined = fd < 0;

    fd_close(&fd);
    return confined;
}

static int socket_option(int fd, int level, int name)
{
    int value = 0;
    socklen_t len = sizeof(value);

    return getsockopt(fd, level, name, &value, &len) < 0 ? -1 : value;
}

int listener_type(int fd)
{
    int type = socket_option(fd, SOL_SOCKET, SO_TYPE);
    int protocol = socket_option(fd, SOL_SOCKET, SO_PROTOCOL);

    return type == SOCK_DGRAM && protocol != IPPROTO_UDP && protocol != 0 ? -1 : type;
}

/* Returns the command that lists the sockets with this address and their programs. It includes
 * connections, because they also occupy their port. */
static const char *sockets_listing(const struct address *address, int type, char *buf, size_t size)
{
    if (address_is_ip(address))
        snprintf(buf, size, "ss -%canp sport = :%u", type == SOCK_DGRAM ? 'u' : 't',
                 (unsigned)address_port(address));
    else
        snprintf(buf, size, "%s", type == SOCK_DGRAM ? "ss -xap" : "ss -xlp");
    return buf;
}

static void explain_use(const char *text, const struct address *address, int type, unsigned mode,
                        char *reason)
{
    char listing[32];

    snprintf(reason, NET_REASON_MAX, "%.120s is in use by another program (%s%s shows which)", text,
             mode & LISTENER_REUSE_PORT
                 ? "which would need reuse_port = yes, too, and the same user; "
                 : "",
             sockets_listing(address, type, listing, sizeof(listing)));
}

/* Returns a hint for ERROR with a path, or NULL if there is none. */
static const char *path_reason(int error)
{
    switch (error) {
    case EACCES:
    case EPERM:
        return "no permission to write to its directory";
    case EROFS:
        return "its directory is read-only (for a service, unless in /run/echod or where "
               "ReadWritePaths= says otherwise)";
    case ENOENT:
        return "its directory does not exist";
    case EEXIST:
        return "the file of that name with .lock appended is not a lock file of echod, or "
               "belongs to another user: remove it, or choose another path";
    case ENOTSOCK:
        return "a file that is not a socket has this name: remove it, or choose another path";
    default:
        return NULL;
    }
}

/* Returns a hint for ERROR with an IP address, or NULL if there is none. */
static const char *internet_reason(int error)
{
    switch (error) {
    case EACCES:
    case EPERM:
        return "is not permitted: a port below 1024 requires CAP_NET_BIND_SERVICE (for the "
               "service, see privileged-port.conf in echod(8))";
    case EADDRNOTAVAIL:
        return "is not an address of this machine";
    default:
        return NULL;
    }
}

/* Writes to REASON why ADDRESS cannot be bound, for an administrator. Returns -ERROR. */
static int explain(const struct address *address, int type, unsigned mode, int error, char *reason)
{
    char text[ADDRESS_TEXT_MAX];
    bool ip = address_is_ip(address);
    const char *known = ip ? internet_reason(error) : path_reason(error);

    address_format(address, text, sizeof(text));
    if (error == EADDRINUSE)
        explain_use(text, address, type, mode, reason);
    else if (known)
        snprintf(reason, NET_REASON_MAX, ip ? "%.120s %s" : "cannot create %.120s: %s", text,
                 known);
    else if (error == EPROTONOSUPPORT)
        snprintf(reason, NET_REASON_MAX, "%.120s: this machine has no IPv6", text);
    else if (error == EAFNOSUPPORT)
        snprintf(reason, NET_REASON_MAX,
                 "%.120s: this sandbox permits no network sockets (with echod.socket: systemctl "
                 "daemon-reload, and restart echod.socket)",
                 text);
    else
        snprintf(reason, NET_REASON_MAX, "cannot listen on %.120s: %s", text, strerror(error));
    return -error;
}

static int bind_and_listen(int fd, const struct address *address, int type, unsigned mode)
{
    bool listens = type != SOCK_DGRAM && !(mode & LISTENER_TRIAL);

    if (bind(fd, &address->sa, address->len) < 0)
        return -errno;
    return listens && listen(fd, BACKLOG) < 0 ? -errno : 0;
}

static int open_file(int fd, const struct address *address, int type, unsigned mode)
{
    int lock = socket_file_lock(address);

    if (lock < 0)
        return lock;
    /* Not chmod(2) after bind(2), because clients could connect in between. */
    mode_t saved = umask(~mode & 0777);
    int r = bind_and_listen(fd, address, type, mode);
    if (r == -EADDRINUSE && socket_file_remove_stale(address))
        r = bind_and_listen(fd, address, type, mode);
    umask(saved);
    socket_file_unlock(address, &lock);
    return r == -EADDRINUSE && socket_file_is_obstructed(address) ? -ENOTSOCK : r;
}

int listener_share(int fd)
{
    int on = 1;

    return setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) < 0 ? -errno : 0;
}

static int open_ip(int fd, const struct address *address, int type, unsigned mode)
{
    int on = 1;

    /* Connections of a previous server may still be in TIME_WAIT. For datagram sockets, the option
     * would let another program bind the port and receive our datagrams. */
    if (type != SOCK_DGRAM && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0)
        return -errno;
    int r = mode & LISTENER_REUSE_PORT ? listener_share(fd) : 0;
    if (r < 0)
        return r;
    if (address->sa.sa_family == AF_INET6 &&
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) < 0)
        return -errno;
    return bind_and_listen(fd, address, type, mode);
}

static int open_at(int fd, const struct address *address, int type, unsigned mode)
{
    if (address_is_ip(address))
        return open_ip(fd, address, type, mode);
    return address->un.sun_path[0] ? open_file(fd, address, type, mode)
                                   : bind_and_listen(fd, address, type, mode);
}

/*
 * Makes the kernel report the address that each datagram was sent to, so that the reply can come
 * from there. Must be called before bind(2): datagrams that are already queued lack a part of it.
 * Sets the options of both families, since an IPv6 socket may receive IPv4; those that do not apply
 * to the socket fail without harm.
 */
static void enable_destinations(int fd)
{
    int on = 1;

    setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on));
    setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof(on));
}

/*
 * Whether all sockets that are bound to the UDP port of ADDRESS, on any address, share it
 * (SO_REUSEPORT). A test socket on the port would receive some of their datagrams, so it is bound
 * to an interface that does not exist: it receives nothing, but the kernel reports the same
 * conflicts. It binds the wildcard address, because binding an IPv6 address requires its interface.
 */
static bool port_is_shared(const struct address *address)
{
    struct address any = {.len = address->len, .in6 = {.sin6_family = address->sa.sa_family}};
    int fd = socket(address->sa.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0), nowhere = INT_MAX;

    address_set_port(&any, address_port(address));
    bool shared = setsockopt(fd, SOL_SOCKET, SO_BINDTOIFINDEX, &nowhere, sizeof(nowhere)) == 0 &&
                  open_ip(fd, &any, SOCK_DGRAM, LISTENER_REUSE_PORT) == 0;
    fd_close(&fd);
    return shared;
}

/* Returns the address to bind for ADDRESS. A dry run of a shared UDP port binds a free port
 * instead, so that it receives no datagrams. If another socket holds the port exclusively at
 * another address, ADDRESS itself is bound, and a datagram to those that share it may be lost. */
static struct address address_to_bind(const struct address *address, int type, unsigned mode)
{
    const unsigned shared_trial = LISTENER_REUSE_PORT | LISTENER_TRIAL;
    struct address bound = *address;

    if (type == SOCK_DGRAM && (mode & shared_trial) == shared_trial && port_is_shared(address))
        address_set_port(&bound, 0);
    return bound;
}

/* Distinguishes a machine without IPv6 from a sandbox. ERROR is that of socket(2). */
static int no_socket(const struct address *address, int error)
{
    bool lacks = error == EAFNOSUPPORT && address->sa.sa_family == AF_INET6 && !is_confined();

    return lacks ? EPROTONOSUPPORT : error;
}

int listener_open(const struct address *address, int type, unsigned mode, char *reason)
{
    int fd = socket(address->sa.sa_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0)
        return explain(address, type, mode, no_socket(address, errno), reason);
    struct address bound = address_to_bind(address, type, mode);
    if (type == SOCK_DGRAM)
        enable_destinations(fd);
    int r = open_at(fd, &bound, type, mode);
    if (r == 0)
        return fd;
    fd_close(&fd);
    return explain(address, type, mode, -r, reason);
}

int listener_adopt(int fd)
{
    int r = sockopts_reset(fd);

    if (r == 0 && listener_type(fd) == SOCK_DGRAM)
        enable_destinations(fd);
    return r;
}

void listener_save_syn(int fd, bool on)
{
    if (socket_option(fd, IPPROTO_TCP, TCP_SAVE_SYN) == !on)
        setsockopt(fd, IPPROTO_TCP, TCP_SAVE_SYN, &(int){on}, sizeof(int));
}

uint64_t listener_overflow(int fd)
{
    uint32_t info[SK_MEMINFO_VARS] = {0};
    socklen_t len = sizeof(info);

    return getsockopt(fd, SOL_SOCKET, SO_MEMINFO, info, &len) < 0 ? 0 : info[SK_MEMINFO_DROPS];
}

/* A connected datagram socket does not count, as it receives from one peer only. */
static bool is_listening(int fd, const struct socket_facts *facts)
{
    if (facts->type == SOCK_DGRAM)
        return !facts->connected;
    return socket_option(fd, SOL_SOCKET, SO_ACCEPTCONN) == 1;
}

/* Whether ADDRESS is of a family that can be configured. */
static bool is_known(const struct address *address)
{
    return address_is_ip(address) || address->sa.sa_family == AF_UNIX;
}

struct socket_facts listener_examine(int fd)
{
    struct socket_facts facts = {.type = listener_type(fd)};
    struct address peer;

    if (address_local(&facts.address, fd) < 0 || !is_known(&facts.address)) {
        facts.type = -1;
        return facts;
    }
    facts.connected = address_peer(&peer, fd) == 0;
    facts.listens = is_listening(fd, &facts);
    address_normalise(&facts.address); /* [::ffff:192.0.2.1] receives what 192.0.2.1 does */
    facts.dual = facts.address.sa.sa_family == AF_INET6 &&
                 IN6_IS_ADDR_UNSPECIFIED(&facts.address.in6.sin6_addr) &&
                 socket_option(fd, IPPROTO_IPV6, IPV6_V6ONLY) == 0;
    return facts;
}

/* Whether the dual-stack socket of FACTS receives what is sent to the IPv4 wildcard ADDRESS. */
static bool covers(const struct socket_facts *facts, const struct address *address)
{
    return facts->dual && address->sa.sa_family == AF_INET &&
           address->in.sin_addr.s_addr == INADDR_ANY &&
           address_port(&facts->address) == address_port(address);
}

bool listener_serves(const struct socket_facts *facts, const struct address *address, int type)
{
    return facts->type == type && facts->listens &&
           (identity_same(&facts->address, address) || covers(facts, address));
}
