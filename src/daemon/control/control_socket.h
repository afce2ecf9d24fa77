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

/* Those that are heard at once; more of them wait. */
#define CONTROL_PEERS 8
/* Those of one user, unless it is root: nobody can lock out the others. */
#define PEERS_OF_ONE 6

struct control_peer {
    int fd; /* -1: this place is free */
    struct ucred user;
    char request[128];
    size_t received;
    char *answer; /* owned; NULL: still being asked */
    size_t size, sent;
    uint64_t deadline; /* clock_now(): nobody stays longer */
};

struct control {
    struct log *log;
    int listener;            /* -1: there is no control socket */
    char *path;              /* owned */
    struct socket_file file; /* only this very one is removed */
    uint64_t accept_at;      /* no accepting before: the system lacks something */
    struct control_peer peers[CONTROL_PEERS];
};

void control_init(struct control *control, struct log *log);

/*
 * Listens at "control" in the directory that systemd gives (RUNTIME_DIRECTORY), or else in
 * /run/echod, unless FD, of a handover, is that listener already. Where that directory is missing
 * there is no control socket; that is logged, and no error.
 */
void control_open(struct control *control, int fd);

/* Ends with all peers, whatever they wait for. */
void control_close_peers(struct control *control);

void control_close(struct control *control);

/* Adds the peers, with PEER_TAG, and, if another one can be heard, the socket, with SOCKET_TAG. */
void control_poll(const struct control *control, struct poll_set *set, uint64_t now,
                  unsigned socket_tag, unsigned peer_tag);

/* Takes a peer in: when poll(2) reports the socket. */
void control_accept(struct control *control);

/* Receives from peer INDEX, or sends to it: when poll(2) reports it. Returns its request, once that
 * is whole: one of the three functions below is to follow. Else NULL. */
const char *control_ready(struct control *control, size_t index);

/* Who asks. */
const struct ucred *control_user(const struct control *control, size_t index);

/* The answer, TEXT of SIZE bytes, is the control's from here on; it is sent as the peer reads it.
 * NULL: there is none. */
void control_answer(struct control *control, size_t index, char *text, size_t size);

/* The connection is the caller's from here on. Returns its descriptor. */
int control_release(struct control *control, size_t index);

/* Ends with those whose time is over. */
void control_run(struct control *control, uint64_t now);

/* When that has something to do, clock_now(); UINT64_MAX: never. */
uint64_t control_next(const struct control *control);

/* The line "control ..." of the handover. Returns 0 or -EPROTO. */
void control_save(const struct control *control, struct handover *handover);
int control_restore(struct control *control, const char *line);

#endif
