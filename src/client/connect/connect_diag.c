#include "client/connect/connect_diag.h"

#include "client/io/diag.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* Whether HOST looks like HOST:PORT. An IPv6 address has more than one colon. */
static bool has_port(const char *host)
{
    const char *colon = strchr(host, ':');

    return colon && !strchr(colon + 1, ':');
}

void connect_diag_unresolved(const struct target *target, const char *reason)
{
    if (target->path)
        diag_say("cannot connect to %s: %s", target->path, reason);
    else
        diag_say("cannot find the address of %s port %s: %s%s", target->host, target->port, reason,
                 has_port(target->host) ? " (separate HOST and PORT by a space, not a colon)" : "");
}

void connect_diag_hint_at_port(const struct target *target)
{
    if (!has_port(target->host)) /* otherwise that has been reported */
        diag_say(
            "the operand after HOST is the PORT; to send this text: echoc %s " ECHOC_DEFAULT_PORT
            " '%s' (echoc --help lists the verbs)",
            target->host, target->port);
}

void connect_diag_trying(const struct attempt *a)
{
    char text[ADDRESS_TEXT_MAX];

    diag_say("trying %s", address_format(&a->address, text, sizeof(text)));
}

static bool lacks_interface(const struct address *a)
{
    return a->sa.sa_family == AF_INET6 && IN6_IS_ADDR_LINKLOCAL(&a->in6.sin6_addr) &&
           a->in6.sin6_scope_id == 0;
}

/* Whether the path A is a file that is not a socket, which also refuses connections. */
static bool is_no_socket(const struct address *a)
{
    struct stat st;

    return a->sa.sa_family == AF_UNIX && a->un.sun_path[0] && stat(a->un.sun_path, &st) == 0 &&
           !S_ISSOCK(st.st_mode);
}

/* The clause after "cannot connect to ADDRESS: " for the error of A. */
static const char *clause_of(const struct attempt *a)
{
    switch (-a->error) {
    case ECONNREFUSED:
        return "the file is not a socket";
    case EADDRNOTAVAIL:
        return "no local port is free, or the source address is not local";
    case ENOENT:
        return "no such socket (is the server running?)";
    case EINVAL:
        return lacks_interface(&a->address)
                   ? "a link-local address requires an interface, as in fe80::1%eth0"
                   : strerror(EINVAL);
    default:
        return strerror(-a->error);
    }
}

const char *connect_diag_reason(const struct attempt *a, char *buf, size_t size)
{
    char text[ADDRESS_TEXT_MAX];

    address_format(&a->address, text, sizeof(text));
    if (a->error == -ECONNREFUSED && !is_no_socket(&a->address))
        snprintf(buf, size, "connection refused by %s (is the server running?)", text);
    else if (a->error == -ETIMEDOUT)
        snprintf(buf, size, "timed out connecting to %s", text);
    else if (a->error == -ETIME)
        snprintf(buf, size, "no reply from %s", text);
    else if (a->error == -ECONNRESET)
        snprintf(buf, size, "%s reset the connection", text);
    else
        snprintf(buf, size, "cannot connect to %s: %s", text, clause_of(a));
    return buf;
}

void connect_diag_refused(const struct attempt *a)
{
    char line[2 * ADDRESS_TEXT_MAX];

    diag_say("%s", connect_diag_reason(a, line, sizeof(line)));
}
