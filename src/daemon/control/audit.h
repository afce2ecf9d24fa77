/*
 * Who had the daemon reload, or end a session: whoever else looks after it wants to know.
 */
#ifndef ECHOD_DAEMON_CONTROL_AUDIT_H
#define ECHOD_DAEMON_CONTROL_AUDIT_H

#include "log/log.h"

#include <sys/socket.h>

struct client;

/* The user of whom there is none: the kernel asks by itself when a terminal is gone. */
#define AUDIT_KERNEL ((uid_t)-1)

struct audit {
    const char *request; /* "reload", "kill": the value of ECHOD_REQUEST */
    const char *way;     /* how it was made, for the text */
    struct ucred by;     /* as the kernel tells, so true; .pid 0: of another PID namespace */
    const struct client *client; /* NULL: it is about none */
};

#define AUDIT_TEXT_MAX 48

/*
 * "root, process 77", "uid 1000, process 77"; BUF of AUDIT_TEXT_MAX. Not by name: that would ask a
 * name service, which may be slow.
 */
const char *audit_who(const struct ucred *by, char *buf);

void audit_log(struct log *log, const struct audit *audit);

#endif
