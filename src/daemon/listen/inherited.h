/*
 * Sockets that are there before any was opened: systemd inherited them (sd_listen_fds(3)), or this
 * daemon had them before it executed itself anew.
 */
#ifndef ECHOD_DAEMON_LISTEN_INHERITED_H
#define ECHOD_DAEMON_LISTEN_INHERITED_H

#include "config/settings.h"
#include "daemon/listen/bind_plan.h"
#include "log/log.h"
#include "net/identity.h"
#include "net/listener.h"
#include "net/socket_file.h"

enum listener_origin {
    LISTENER_OPENED, /* by this daemon */
    LISTENER_PASSED, /* by systemd, of a socket unit: it keeps it and its file */
    LISTENER_STORED, /* by systemd, which was given it to keep by the daemon before this one */
};

struct inherited_socket {
    int fd; /* -1 once it is taken */
    enum listener_origin origin;
    bool known;                    /* this daemon had it before a reload */
    bool missing;                  /* systemd told of it, and there was none */
    char name[LISTENER_NAME_SIZE]; /* of the listener that had it before; else empty */
    struct socket_file file;       /* of a Unix socket, if it is known */
    /* Since inherited_examine(): */
    struct socket_facts facts;
    bool lost; /* nobody can reach it by its path any more */
};

struct inherited {
    struct inherited_socket *item;
    size_t count;
    struct identity_index index; /* since inherited_examine() */
};

void inherited_add(struct inherited *inherited, const struct inherited_socket *socket);

/* Adds the socket of LINE, "listener ...", of a handover. Returns 0 or -EPROTO. */
int inherited_restore(struct inherited *inherited, const char *line);

/* Adds what systemd passes, whatever that is. To be called before a descriptor of our own is made,
 * which could get the number of one that is announced and not open. */
void inherited_from_systemd(struct inherited *inherited);

/* Looks at each of them, once: what follows asks the kernel no more. */
void inherited_examine(struct inherited *inherited);

/* The one that serves PLANNED; NULL: none does. It may be taken already: one socket can serve two
 * of them ([::] and 0.0.0.0). */
struct inherited_socket *inherited_find(const struct inherited *inherited,
                                        const struct planned_address *planned);

/* Whether the kernel would refuse to bind what PLANNED wants while one that is not taken is open.
 */
bool inherited_blocks(const struct inherited *inherited, const struct planned_address *planned);

/* Logs that SOCKET is closed, which nobody wants, and why. */
void inherited_log_unused(struct log *log, const struct inherited_socket *socket);

void inherited_free(struct inherited *inherited);

#endif
