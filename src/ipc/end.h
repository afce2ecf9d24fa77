/*
 * Why a worker ended: its exit status, which the daemon explains in the session record.
 */
#ifndef ECHOD_IPC_END_H
#define ECHOD_IPC_END_H

/* Not from 0: a status that no worker chose (a sanitizer's 1) must not be mistaken for one. */
enum end {
    END_CLOSED = 10, /* the client closed, and everything was answered */
    END_DONE,        /* the service was complete: everything was sent, or max_messages received */
    END_IDLE,
    END_SESSION,
    END_TOO_LONG,
    END_RESET,
    END_STOPPED, /* it was told to end */
    END_NOT_STORED,
    END_IO,
    END_SETUP,
    END_PROXY,    /* no PROXY protocol header, or a wrong one */
    END_REFUSED,  /* by the daemon, once the client behind the proxy was known */
    END_SANDBOX,  /* it made a forbidden system call */
    END_VANISHED, /* the kernel gave up: the client does not respond */
};

struct end_meaning {
    enum end end;
    const char *name;   /* the value of ECHOD_REASON */
    const char *clause; /* "closed by the client" */
    int priority;       /* of the session record, as in syslog(3) */
};

/* The meaning of an exit status, or NULL if no worker ends so on purpose. */
const struct end_meaning *end_meaning(int status);

#endif
