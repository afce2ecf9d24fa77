#include "client/connect/connect_diag.h"

#include "client/io/diag.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* An IPv6 address has more colons than that. */
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
    if (!has_port(target->host)) /* else that has been told */
        diag_say(
            "the operand after HOST is the PORT; to send this text: echoc %s " ECHOC_DEFAULT_PORT
            " '%s'",
            target->host, target->port);
}

void connect_diag_trying(const struct attempt *a)
{
    char text[ADDRESS_TEXT_MAX];

    diag_say("trying %s", address_format(&a->address, text, sizeof(text)));
}

const char *connect_diag_reason(const struct attempt *a, char *buf, size_t size)
{
    char text[ADDRESS_TEXT_MAX];

    address_format(&a->address, text, sizeof(text));
    if (a->error == -ECONNREFUSED)
        snprintf(buf, size, "connection refused by %s (is the server running?)", text);
    else if (a->error == -ETIMEDOUT)
        snprintf(buf, size, "timed out connecting to %s", text);
    else if (a->error == -ETIME)
        snprintf(buf, size, "no reply from %s", text);
    else if (a->error == -ECONNRESET)
        snprintf(buf, size, "%s reset the connection", text);
    else if (a->error == -EADDRNOTAVAIL)
        snprintf(buf, size,
                 "cannot connect to %s: no local port is free, or the source address is not local",
                 text);
    else if (a->error == -ENOENT)
        snprintf(buf, size, "cannot connect to %s: no such socket (is the server running?)", text);
    else
        snprintf(buf, size, "cannot connect to %s: %s", text, strerror(-a->error));
    return buf;
}

void connect_diag_refused(const struct attempt *a)
{
    char line[2 * ADDRESS_TEXT_MAX];

    diag_say("%s", connect_diag_reason(a, line, sizeof(line)));
}
