/*
 * The control socket: a request is a line, the answer "ok" or "error TEXT" and then a report
 * (reports.h), until the connection ends. For root, the daemon's own user and its group.
 *
 *   status | list | listeners | datagrams | metrics | kill PID |
 *   check-access ADDRESS LISTENER | reload
 */
#ifndef ECHOD_DAEMON_CONTROL_CONTROL_SOCKET_H
#define ECHOD_DAEMON_CONTROL_CONTROL_SOCKET_H

#include "daemon/process/handover.h"
#include "daemon/process/poll_set.h"
#include "log/log.h"
#include "net/socket_file.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/types.h>

/* Peers served at once; more of them wait. */
#define CONTROL_PEERS 8
/* Peers of one user, unless it is root: no user can exclude the others. */
#define PEERS_OF_ONE 6

struct control_peer {
    int fd; /* -1: this place is free */
    struct ucred user;
    char request[128];
    size_t received;
    char *answer; /* owned; NULL: the request is incomplete */
    size_t size, sent;
    uint64_t deadline; /* clock_now() at which the connection is closed */
};

struct control {
    struct log *log;
    int listener;            /* -1: there is no control socket */
    char *path;              /* owned */
    struct socket_file file; /* only this one is removed */
    uint64_t accept_at;      /* accepting is paused until then: the system lacks resources */
    struct control_peer peers[CONTROL_PEERS];
};

void control_init(struct control *control, struct log *log);

/*
 * Listens on "control" in the directory in RUNTIME_DIRECTORY, which systemd sets, or else in
 * /run/echod, unless FD, from a handover, is that listener. If the directory does not exist, there
 * is no control socket; this is logged, and is not an error.
 */
void control_open(struct control *control, int fd);

/* Closes all connections, whatever their state. */
void control_close_peers(struct control *control);

void control_close(struct control *control);

/* Adds the peers, with PEER_TAG, and, if there is room for another one, the socket, with
 * SOCKET_TAG. */
void control_poll(const struct control *control, struct poll_set *set, uint64_t now,
                  unsigned socket_tag, unsigned peer_tag);

/* Accepts a peer: call when poll(2) reports the socket. */
void control_accept(struct control *control);

/* Receives from peer INDEX, or sends to it: call when poll(2) reports it. Returns its request once
 * it is complete, and then one of the three functions below must be called; or NULL. */
const char *control_ready(struct control *control, size_t index);

/* The user of peer INDEX. */
const struct ucred *control_user(const struct control *control, size_t index);

/* Takes the answer, TEXT of SIZE bytes, which is sent as the peer reads it. NULL: there is no
 * memory for one. */
void control_answer(struct control *control, size_t index, char *text, size_t size);

/* Gives the connection to the caller. Returns its descriptor. */
int control_release(struct control *control, size_t index);

/* Closes the connections whose deadline has passed. */
void control_run(struct control *control, uint64_t now);

/* When control_run() has something to do, clock_now(); UINT64_MAX: never. */
uint64_t control_next(const struct control *control);

/* The line "control ..." of the handover. Returns 0 or -EPROTO. */
void control_save(const struct control *control, struct handover *handover);
int control_restore(struct control *control, const char *line);

#endif
