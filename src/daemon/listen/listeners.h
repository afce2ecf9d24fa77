/*
 * The listeners of the configuration, opened or inherited.
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
    bool fresh;              /* not kept over a reload */
    uint64_t paused_until;   /* clock_now(), see listener_pause.h; 0: not paused */
    uint64_t pause;          /* the length of the pause, microseconds; 0: none */
    bool stored;             /* the service manager keeps it: listeners_store() */
    struct socket_file file; /* of a Unix socket: only this one is removed at the end */
};

struct listeners {
    struct listener *item;
    size_t count;
};

/*
 * Uses those of INHERITED, which it empties, that match an address of SETTINGS, whose host names
 * are resolved; opens missing ones and closes the others. A Unix socket whose file was removed or
 * replaced counts as missing. Logs what cannot be opened, and continues. In a DRY_RUN, the sockets
 * of INHERITED are still in use by the daemon. Returns 0, or an exit status (sysexits(3)).
 */
int listeners_open(struct listeners *listeners, const struct settings *settings,
                   struct inherited *inherited, struct log *log, bool dry_run);

/* Writes a line for each to standard output: "listening on [KIND ]ADDRESS (NAME, SERVICE)". */
void listeners_print(const struct listeners *listeners);

/* Logs a line for each new one. */
void listeners_log(const struct listeners *listeners, struct log *log);

/* Closes them, and removes the files of Unix sockets that are ours; unless KEPT: systemd keeps the
 * sockets, too, and may pass them to the next daemon. */
void listeners_close(struct listeners *listeners, bool kept);

/* How many are datagram sockets. */
size_t listeners_datagram_count(const struct listeners *listeners);

/* Writes a line for each to HANDOVER. */
void listeners_save(const struct listeners *listeners, struct handover *handover);

/* Passes those that the daemon opened to the service manager (fd_store.h), if it does not have them
 * yet. */
void listeners_store(struct listeners *listeners);

#endif
