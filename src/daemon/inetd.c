#include "daemon/inetd.h"

#include "base/exit.h"
#include "base/fd.h"
#include "daemon/admission/admit.h"
#include "daemon/process/detach.h"
#include "ipc/end.h"
#include "net/identity.h"
#include "net/listener.h"
#include "net/sockopts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool fits(const struct listen_settings *listen, const struct address *local)
{
    struct address path;

    if (!protocol_is_unix(listen->protocol))
        return address_is_ip(local) && listen->port == address_port(local);
    for (size_t i = 0; i < listen->addresses.count; i++)
        if (address_unix(&path, listen->addresses.item[i]) == 0 && identity_same(&path, local))
            return true;
    return false;
}

/* Returns the listener that matches the connected socket FD best: one of its type with its local
 * port or path, else the first one of its type, else NULL. */
static const struct listen_settings *match(const struct settings *settings, int fd)
{
    const struct listen_settings *match = NULL, *first = NULL;
    struct address local = {0};
    int type = listener_type(fd);

    address_local(&local, fd);
    for (size_t i = settings->listen_count; i > 0; i--) {
        const struct listen_settings *listen = settings->listens[i - 1];
        if (type != protocol_type(listen->protocol))
            continue;
        first = listen;
        match = fits(listen, &local) ? listen : match;
    }
    return match ? match : first;
}

/* Logs why standard input, of which CLIENT is a copy, is not a connection: ERROR, or what it is. */
static void explain_standard_input(struct log *log, int client, int error)
{
    struct socket_facts facts = listener_examine(client);

    if (facts.type >= 0 && facts.listens && facts.type != SOCK_DGRAM)
        log_error(
            log,
            "--inetd: standard input is a listening socket: set Accept=yes in the socket unit, "
            "or start echod without --inetd");
    else
        log_error(log, "--inetd: standard input is not a connected socket: %s%s", strerror(-error),
                  getenv("LISTEN_FDS") ? " (the unit needs StandardInput=socket)" : "");
}

/* Whether CLIENT was a connection that its peer has reset, which is the socket's error then. */
static bool is_reset(int client)
{
    int error = 0;
    socklen_t len = sizeof(error);

    return getsockopt(client, SOL_SOCKET, SO_ERROR, &error, &len) == 0 && error != 0;
}

static void log_reset(struct log *log, const struct listen_settings *listen)
{
    const char *name = listen ? listen->name : "-", *reason = end_meaning(END_RESET)->name;
    struct record record;
    char buf[RECORD_MAX];

    if (!log_is_enabled(log, LOG_INFO))
        return;
    record_start(&record, buf, sizeof(buf), LOG_INFO,
                 "session on %s: reset by the client before echod was started", name);
    record_event(&record, EVENT_SESSION);
    record_add(&record, "ECHOD_LISTENER", "%s", name);
    record_add(&record, "ECHOD_REASON", "%s", reason);
    log_send(log, &record);
}

int inetd_admit(struct daemon *d)
{
    struct address peer;
    int client = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    int r = client < 0 ? -errno : address_peer(&peer, client);

    if (r == -ENOTCONN && is_reset(client)) {
        log_reset(&d->log, match(d->settings, client));
        fd_close(&client);
        d->phase = PHASE_DRAINING;
        return 0;
    }
    if (r < 0) {
        explain_standard_input(&d->log, client, r);
        fd_close(&client);
        return EXIT_USAGE;
    }
    const struct listen_settings *listen = match(d->settings, client);
    if (!listen) {
        log_error(&d->log, "--inetd: no [listen] section matches this connection");
        fd_close(&client);
        return EXIT_CONFIG;
    }
    address_normalise(&peer);
    (void)sockopts_reset(client); /* the next but one sets the flags, too */
    sockopts_keepalive(client, d->settings->server->keepalive);
    fd_set_nonblocking(client, false);
    detach_silence(STDIN_FILENO);
    detach_silence(STDOUT_FILENO);
    d->phase = PHASE_DRAINING;
    admission_close(&d->admission);
    metrics_file_close(&d->metrics);
    admission_decide(&d->admission, client, &peer, listen);
    return 0;
}
