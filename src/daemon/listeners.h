/*
 * The listeners: what the configuration asks for, opened or inherited.
 */
#ifndef ECHOD_DAEMON_LISTENERS_H
#define ECHOD_DAEMON_LISTENERS_H

#include "base/log.h"
#include "config/settings.h"
#include "net/address.h"

#include <sys/stat.h>

struct listener {
    int fd;
    struct address address; /* as bound: with the port that the kernel chose */
    const struct listen_settings *settings;
    bool inherited; /* passed by systemd, which keeps it and its file */
    dev_t device;   /* of the file of a Unix socket, and its inode: */
    ino_t inode;    /* only this very file is removed in the end */
};

struct listeners {
    struct listener *item;
    size_t count;
};

/*
 * Looks up the names in SETTINGS and adds to PROBLEMS those that cannot be, and addresses that
 * two listeners ask for. Needs no privilege and binds nothing.
 */
void listeners_check(const struct settings *settings, struct problems *problems);

/*
 * Takes over the descriptors that systemd passed (sd_listen_fds(3)) where they serve an address
 * of SETTINGS, opens the others, logs what could not be had.
 * Returns 0, or the exit status that says why not (sysexits(3)).
 */
int listeners_open(struct listeners *listeners, const struct settings *settings, struct log *log);

/* Writes a line for each to standard output: "listening on ADDRESS (NAME, SERVICE)". */
void listeners_print(const struct listeners *listeners);

/* Logs a line for each. */
void listeners_log(const struct listeners *listeners, struct log *log);

/* Closes them, and removes the files of Unix sockets that are ours. */
void listeners_close(struct listeners *listeners);

/* The settings that fit the connected socket FD best: those with its local port, or path; else
 * the first. NULL if this version cannot serve them. */
const struct listen_settings *listeners_match(const struct settings *settings, int fd);

/* The name of the service, as it is configured. */
const char *listen_service_name(const struct listen_settings *listen);

#endif
