/*
 * The audit record: which user requested a reload or the end of a session.
 */
#ifndef ECHOD_DAEMON_CONTROL_AUDIT_H
#define ECHOD_DAEMON_CONTROL_AUDIT_H

#include "log/log.h"

#include <sys/socket.h>

struct client;

/* No user: the kernel sends SIGHUP itself when a terminal is gone. */
#define AUDIT_KERNEL ((uid_t)-1)

struct audit {
    const char *request;         /* "reload", "kill": the value of ECHOD_REQUEST */
    const char *way;             /* how it was made, for the text */
    struct ucred by;             /* from the kernel, so trusted; .pid 0: in another PID namespace */
    const struct client *client; /* NULL: it is about no client */
};

#define AUDIT_TEXT_MAX 48

/*
 * Writes "root (pid 77)" or "uid 1000 (pid 77)" to BUF, of AUDIT_TEXT_MAX bytes, and returns it.
 * The user is not named: a name service may be slow.
 */
const char *audit_who(const struct ucred *by, char *buf);

void audit_log(struct log *log, const struct audit *audit);

#endif
