/*
 * Reloading: the installed program rehearses with the new configuration and, if that goes well,
 * takes this process over, with every listener and client (handover.h).
 */
#ifndef ECHOD_DAEMON_RELOAD_H
#define ECHOD_DAEMON_RELOAD_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct server;

struct reload {
    pid_t pid;         /* of the rehearsal; -1: none is under way */
    int output;        /* what it says is wrong */
    int settings;      /* where it writes those that are good */
    bool again;        /* something asked for one more meanwhile */
    uint64_t deadline; /* clock_now() */
    int waiter;        /* a connection whose peer waits for the outcome; -1: none does */
    char text[2048];   /* that, or as much of it as there is room for: reasons before warnings */
    size_t len;
};

/* A reload that is not under way. */
#define RELOAD_NONE                                                                                \
    {                                                                                              \
        .pid = -1, .output = -1, .settings = -1, .waiter = -1                                      \
    }

/*
 * Begins the rehearsal. WAITER, or -1, is a connected socket to which the outcome is written, "ok"
 * or "error" and the reasons; it is closed then.
 */
void reload_begin(struct server *server, int waiter);

/* Takes what the rehearsal has printed: to be called when poll(2) reports its output. Returns
 * whether there was something. */
bool reload_listen(struct server *server);

/* The rehearsal has ended with STATUS, of wait(2). Does not return if the new program takes over.
 */
void reload_finish(struct server *server, int status);

/* Ends a rehearsal that takes too long. */
void reload_check(struct server *server, uint64_t now);

/* Ends a rehearsal that is under way, because the daemon ends; whoever waits for it is told. */
void reload_abandon(struct server *server);

/* In the new program: tells all who wait that it serves. STATUS is 0, or that of listeners_open().
 */
void reload_announce(struct server *server, int status);

#endif
