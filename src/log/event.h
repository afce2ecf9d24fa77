/*
 * The kinds of record that an administrator may want to find or be told about: each has a name,
 * ECHOD_EVENT, and the MESSAGE_ID by which the journal finds its entry in the catalog
 * (systemd/echod.catalog, journalctl -x).
 */
#ifndef ECHOD_LOG_EVENT_H
#define ECHOD_LOG_EVENT_H

#include <stddef.h>

enum event {
    EVENT_SESSION,       /* a session ended */
    EVENT_CRASH,         /* a worker was killed, or exited as none does */
    EVENT_REFUSED,       /* a client was refused */
    EVENT_SUMMARY,       /* sessions and refusals that were too many to log singly */
    EVENT_MESSAGE,       /* a message of a client */
    EVENT_LISTENER_UP,   /* an address is listened on */
    EVENT_LISTENER_DOWN, /* it is no more */
    EVENT_PAUSED,        /* accepting pauses: the system lacks something */
    EVENT_RESUMED,
    EVENT_LISTENER_PAUSED, /* one listener cannot accept connections */
    EVENT_LISTENER_RESUMED,
    EVENT_REQUESTED,     /* somebody had it reload, or end a session */
    EVENT_RELOADED,      /* a new configuration, or program, is in effect */
    EVENT_NOT_RELOADED,  /* it was wrong; the old one stays */
    EVENT_DROPPED,       /* records found the log full */
    EVENT_DATAGRAMS,     /* what came to a datagram socket, and what became of it, in a minute */
    EVENT_RESTART,       /* the worker of a datagram socket ended, and is replaced */
    EVENT_NOT_GENERATED, /* units have nothing of a configuration that is wrong */
    EVENT_COUNT,
};

struct event_meaning {
    const char *name;
    const char *id; /* 128 bits in hex, sd-id128(3) */
};

const struct event_meaning *event_meaning(enum event event);

#endif
