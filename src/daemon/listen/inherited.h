/*
 * Inherited sockets: passed by systemd (sd_listen_fds(3)), or kept by this daemon over a reload.
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
    LISTENER_PASSED, /* by systemd, for a socket unit: the socket and its file belong to systemd */
    LISTENER_STORED, /* by systemd, in the FD store of the previous daemon */
};

struct inherited_socket {
    int fd; /* -1 once it is in use */
    enum listener_origin origin;
    bool known;                    /* this daemon had it before a reload */
    bool missing;                  /* systemd announced it, but it is not open */
    char name[LISTENER_NAME_SIZE]; /* of the listener that had it before; else empty */
    struct socket_file file;       /* of a Unix socket, if it is known */
    /* Since inherited_examine(): */
    struct socket_facts facts;
    bool lost; /* it cannot be reached by its path any more */
};

struct inherited {
    struct inherited_socket *item;
    size_t count;
    bool malformed;              /* LISTEN_FDS is for this process, but makes no sense */
    struct identity_index index; /* since inherited_examine() */
};

void inherited_add(struct inherited *inherited, const struct inherited_socket *socket);

/* Adds the socket of LINE, "listener ...", of a handover. Returns 0 or -EPROTO. */
int inherited_restore(struct inherited *inherited, const char *line);

/* Adds the descriptors that systemd passes, whatever they are. Call this before the program opens a
 * descriptor, which could get the number of one that is announced but not open. */
void inherited_from_systemd(struct inherited *inherited);

/* Examines each socket once, so that the following functions make no system calls. */
void inherited_examine(struct inherited *inherited);

/* The socket for PLANNED, or NULL. It may be in use already: one socket can serve two addresses
 * ([::] and 0.0.0.0). */
struct inherited_socket *inherited_find(const struct inherited *inherited,
                                        const struct planned_address *planned);

/* Whether the kernel would refuse to bind PLANNED because of a socket that is not in use. */
bool inherited_blocks(const struct inherited *inherited, const struct planned_address *planned);

/* Logs that SOCKET is closed because it is not needed, and why. */
void inherited_log_unused(struct log *log, const struct inherited_socket *socket);

void inherited_free(struct inherited *inherited);

#endif
