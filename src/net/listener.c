#include "net/listener.h"

#include "base/util.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The kernel cuts it at net.core.somaxconn. */
#define BACKLOG 4096

/* Whether no network socket may be opened at all: a sandbox is no lack of IPv6. */
static bool is_confined(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool confined = fd < 0;

    fd_close(&fd);
    return confined;
}

bool ipv6_works(void)
{
    struct address loopback;
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 && is_confined())
        return true;
    bool works = fd >= 0 && address_numeric(&loopback, "::1", 0) == 0 &&
                 bind(fd, &loopback.sa, loopback.len) == 0;

    fd_close(&fd);
    return works;
}

/* Why ADDRESS cannot be bound, for an administrator. Returns -ERROR. */
static int explain(const struct address *address, unsigned mode, int error, char *reason)
{
    char text[ADDRESS_TEXT_MAX];

    address_format(address, text, sizeof(text));
    switch (error) {
    case EADDRINUSE:
        snprintf(reason, NET_REASON_MAX, "%.120s is in use by another program (%s)", text,
                 !address_is_ip(address) ? "ss -xlp shows which"
                 : mode & LISTENER_REUSE_PORT
                     ? "which shares it only with reuse_port = yes, too, and "
                       "of the same user; ss -tlnp shows which"
                     : "ss -tlnp shows which");
        break;
    case EACCES:
    case EPERM:
        snprintf(reason, NET_REASON_MAX,
                 address_is_ip(address)
                     ? "%.120s is not permitted: a port below 1024 needs CAP_NET_BIND_SERVICE "
                       "(privileged-port.conf, echod(8))"
                     : "%.120s cannot be made: no permission to write to its directory",
                 text);
        break;
    case EADDRNOTAVAIL:
        snprintf(reason, NET_REASON_MAX, "%.120s is not an address of this machine", text);
        break;
    case EAFNOSUPPORT:
        snprintf(reason, NET_REASON_MAX,
                 "%.120s: no network socket may be opened here (with echod.socket: systemctl "
                 "daemon-reload, and restart echod.socket)",
                 text);
        break;
    default:
        snprintf(reason, NET_REASON_MAX, "cannot listen on %.120s: %s", text, strerror(error));
    }
    return -error;
}

/* Whether a server answers behind the file of ADDRESS. A full backlog is an answer, too. */
static bool is_alive(const struct address *address)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool alive = fd >= 0 && (connect(fd, &address->sa, address->len) == 0 || errno != ECONNREFUSED);

    fd_close(&fd);
    return alive;
}

/* Removes the file that a server left which is gone. Returns whether it did. */
static bool remove_stale(const struct address *address)
{
    struct stat st;

    if (address->un.sun_path[0] == '\0' || lstat(address->un.sun_path, &st) < 0 ||
        !S_ISSOCK(st.st_mode) || is_alive(address))
        return false;
    return unlink(address->un.sun_path) == 0;
}

static int bind_unix(int fd, const struct address *address, unsigned mode)
{
    /* Not chmod(2) afterwards: clients could connect in between. */
    mode_t saved = umask(~mode & 0777);
    int r = bind(fd, &address->sa, address->len) < 0 ? -errno : 0;

    if (r == -EADDRINUSE && remove_stale(address))
        r = bind(fd, &address->sa, address->len) < 0 ? -errno : 0;
    umask(saved);
    return r;
}

int listener_share(int fd)
{
    int on = 1;

    return setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) < 0 ? -errno : 0;
}

static int bind_ip(int fd, const struct address *address, unsigned mode)
{
    int on = 1;

    /* Connections of the server before may still be in TIME_WAIT. */
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0)
        return -errno;
    int r = mode & LISTENER_REUSE_PORT ? listener_share(fd) : 0;
    if (r < 0)
        return r;
    if (address->sa.sa_family == AF_INET6 &&
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) < 0)
        return -errno;
    return bind(fd, &address->sa, address->len) < 0 ? -errno : 0;
}

int listener_open(const struct address *address, unsigned mode, char *reason)
{
    int fd = socket(address->sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0)
        return explain(address, mode, errno, reason);
    int r = address_is_ip(address) ? bind_ip(fd, address, mode) : bind_unix(fd, address, mode);
    if (r == 0 && !(mode & LISTENER_TRIAL) && listen(fd, BACKLOG) < 0)
        r = -errno;
    if (r == 0)
        return fd;
    fd_close(&fd);
    return explain(address, mode, -r, reason);
}

static int socket_option(int fd, int level, int name)
{
    int value = 0;
    socklen_t len = sizeof(value);

    return getsockopt(fd, level, name, &value, &len) < 0 ? -1 : value;
}

/* Whether FD, bound to OWN, takes IPv4 connections to ADDRESS, any address, through IPv6. */
static bool covers(int fd, const struct address *own, const struct address *address)
{
    return own->sa.sa_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&own->in6.sin6_addr) &&
           address->sa.sa_family == AF_INET && address->in.sin_addr.s_addr == INADDR_ANY &&
           address_port(own) == address_port(address) &&
           socket_option(fd, IPPROTO_IPV6, IPV6_V6ONLY) == 0;
}

bool listener_serves(int fd, const struct address *address)
{
    struct address own;

    return socket_option(fd, SOL_SOCKET, SO_ACCEPTCONN) == 1 &&
           socket_option(fd, SOL_SOCKET, SO_TYPE) == SOCK_STREAM && address_local(&own, fd) == 0 &&
           (address_equal(&own, address) || covers(fd, &own, address));
}
