/*
 * The listeners: what the configuration asks for, opened or inherited.
 */
#ifndef ECHOD_DAEMON_LISTEN_LISTENERS_H
#define ECHOD_DAEMON_LISTEN_LISTENERS_H

#include "config/settings.h"
#include "daemon/listen/inherited.h"
#include "daemon/process/handover.h"
#include "log/log.h"
#include "net/address.h"
#include "net/socket_file.h"

struct listener {
    int fd;
    struct address address; /* as bound: with the port that the kernel chose */
    const struct listen_settings *settings;
    enum listener_origin origin;
    bool fresh;              /* not one that this daemon had before a reload */
    uint64_t paused_until;   /* clock_now(): see listener_pause.h; 0: it does not pause */
    uint64_t pause;          /* microseconds: how long it pauses; 0: it does not */
    bool stored;             /* the manager has been given it to keep: listeners_store() */
    struct socket_file file; /* of a Unix socket: only this very one is removed in the end */
};

struct listeners {
    struct listener *item;
    size_t count;
};

/*
 * Takes those of INHERITED, which it empties, that serve an address of SETTINGS, whose names were
 * looked up, opens what is missing, closes what nobody wants; a Unix socket whose file is gone, or
 * is another's, counts as missing. Logs what could not be had, and goes on without it. In a
 * DRY_RUN the sockets of INHERITED are those of a daemon that still has them. Returns 0, or the
 * exit status that says why not (sysexits(3)).
 */
int listeners_open(struct listeners *listeners, const struct settings *settings,
                   struct inherited *inherited, struct log *log, bool dry_run);

/* Writes a line for each to standard output: "listening on [KIND ]ADDRESS (NAME, SERVICE)". */
void listeners_print(const struct listeners *listeners);

/* Logs a line for each that is fresh. */
void listeners_log(const struct listeners *listeners, struct log *log);

/* Closes them, and removes the files of Unix sockets that are ours, unless KEPT: systemd has the
 * sockets, too, and may pass them on to the next daemon. */
void listeners_close(struct listeners *listeners, bool kept);

/* How many are datagram sockets. */
size_t listeners_datagram_count(const struct listeners *listeners);

/* Writes a line for each to HANDOVER. */
void listeners_save(const struct listeners *listeners, struct handover *handover);

/* Gives those that the daemon opened to the manager to keep (fd_store.h), if it does not have them
 * yet. */
void listeners_store(struct listeners *listeners);

#endif
