/*
 * Sockets that are there before any was opened: systemd passed them (sd_listen_fds(3)), or this
 * daemon had them before it executed itself anew.
 */
#ifndef ECHOD_DAEMON_PASSED_H
#define ECHOD_DAEMON_PASSED_H

#include "log/log.h"
#include "config/settings.h"
#include "daemon/wishes.h"
#include "net/identity.h"
#include "net/listener.h"
#include "net/socketfile.h"

enum listener_origin {
    LISTENER_OPENED, /* by this daemon */
    LISTENER_PASSED, /* by systemd, of a socket unit: it keeps it and its file */
    LISTENER_STORED, /* by systemd, which was given it to keep by the daemon before this one */
};

struct passed_socket {
    int fd; /* -1 once it is taken */
    enum listener_origin origin;
    bool known;                    /* this daemon had it before a reload */
    bool missing;                  /* systemd told of it, and there was none */
    char name[LISTENER_NAME_SIZE]; /* of the listener that had it before; else empty */
    struct socket_file file;       /* of a Unix socket, if it is known */
    /* Since passed_examine(): */
    struct socket_facts facts;
    bool lost; /* nobody can reach it by its path any more */
};

struct passed {
    struct passed_socket *item;
    size_t count;
    struct identity_index index; /* since passed_examine() */
};

void passed_add(struct passed *passed, const struct passed_socket *socket);

/* Adds what systemd passes, whatever that is. To be called before a descriptor of our own is made,
 * which could get the number of one that is announced and not open. */
void passed_from_systemd(struct passed *passed);

/* Looks at each of them, once: what follows asks the kernel no more. */
void passed_examine(struct passed *passed);

/* The one that serves WISH; NULL: none does. It may be taken already: one socket can serve two of
 * them ([::] and 0.0.0.0). */
struct passed_socket *passed_find(const struct passed *passed, const struct wish *wish);

/* Whether the kernel would refuse to bind what WISH wants while one that is not taken is open. */
bool passed_blocks(const struct passed *passed, const struct wish *wish);

/* Logs that SOCKET is closed, which nobody wants, and why. */
void passed_log_stray(struct log *log, const struct passed_socket *socket);

/* An address with the kind of its socket. */
#define DESCRIPTION_MAX (ADDRESS_TEXT_MAX + 16)

/* ADDRESS and, before it, what it does not tell: "udp "; BUF, of DESCRIPTION_MAX bytes. */
const char *describe_address(const struct address *address, int type, char *buf);

void passed_free(struct passed *passed);

#endif
