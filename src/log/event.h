/*
 * The kinds of records that an administrator may search for. Each has a name (ECHOD_EVENT), and the
 * MESSAGE_ID of its entry in the catalog (systemd/echod.catalog, journalctl -x).
 */
#ifndef ECHOD_LOG_EVENT_H
#define ECHOD_LOG_EVENT_H

#include <stddef.h>

enum event {
    EVENT_SESSION,       /* a session ended */
    EVENT_CRASH,         /* a worker was killed, or exited with an unknown status */
    EVENT_REFUSED,       /* a client was refused */
    EVENT_SUMMARY,       /* sessions and refusals that were too many to log individually */
    EVENT_MESSAGE,       /* a message of a client */
    EVENT_LISTENER_UP,   /* an address is listened on */
    EVENT_LISTENER_DOWN, /* it is no longer listened on */
    EVENT_PAUSED,        /* accepting is paused: the system lacks resources */
    EVENT_RESUMED,
    EVENT_LISTENER_PAUSED, /* one listener cannot accept connections */
    EVENT_LISTENER_RESUMED,
    EVENT_REQUESTED,     /* somebody requested a reload, or the end of a session */
    EVENT_RELOADED,      /* a new configuration, or program, is in effect */
    EVENT_NOT_RELOADED,  /* the reload was rejected; the old one stays in effect */
    EVENT_DROPPED,       /* records were dropped because the log was full */
    EVENT_DATAGRAMS,     /* the traffic of a datagram socket in a minute */
    EVENT_RESTART,       /* the worker of a datagram socket ended and is replaced */
    EVENT_NOT_GENERATED, /* no drop-ins were generated from an invalid configuration */
    EVENT_COUNT,
};

struct event_meaning {
    const char *name;
    const char *id; /* 128 bits in hex, sd-id128(3) */
};

const struct event_meaning *event_meaning(enum event event);

#endif
