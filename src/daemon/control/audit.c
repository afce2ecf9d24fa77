#include "daemon/control/audit.h"

#include "daemon/session/roster.h"

#include <stdio.h>

const char *audit_who(const struct ucred *by, char *buf)
{
    if (by->uid == AUDIT_KERNEL)
        snprintf(buf, AUDIT_TEXT_MAX, "the kernel");
    else if (by->uid == 0)
        snprintf(buf, AUDIT_TEXT_MAX, "root");
    else
        snprintf(buf, AUDIT_TEXT_MAX, "uid %u", (unsigned)by->uid);
    if (by->uid != AUDIT_KERNEL && by->pid > 0)
        text_append(buf, AUDIT_TEXT_MAX, " (pid %d)", (int)by->pid);
    return buf;
}

/* Describes the request. */
static void describe(const struct audit *audit, char *buf, size_t size)
{
    char peer[ADDRESS_TEXT_MAX];

    if (audit->client)
        snprintf(buf, size, "the end of the session of %s on %s",
                 address_format(&audit->client->peer, peer, sizeof(peer)), audit->client->listener);
    else
        snprintf(buf, size, "a %s", audit->request);
}

void audit_log(struct log *log, const struct audit *audit)
{
    char buf[RECORD_MAX], by[AUDIT_TEXT_MAX], what[ADDRESS_TEXT_MAX + 80], peer[ADDRESS_TEXT_MAX];
    struct record record;

    if (!log_is_enabled(log, LOG_NOTICE))
        return;
    describe(audit, what, sizeof(what));
    record_start(&record, buf, sizeof(buf), LOG_NOTICE, "%s requested %s %s",
                 audit_who(&audit->by, by), what, audit->way);
    record_event(&record, EVENT_REQUESTED);
    record_add(&record, "ECHOD_REQUEST", "%s", audit->request);
    if (audit->by.uid != AUDIT_KERNEL)
        record_add(&record, "ECHOD_BY_UID", "%u", (unsigned)audit->by.uid);
    if (audit->by.pid > 0)
        record_add(&record, "ECHOD_BY_PID", "%d", (int)audit->by.pid);
    if (audit->client) {
        record_add(&record, "ECHOD_PEER", "%s",
                   address_format(&audit->client->peer, peer, sizeof(peer)));
        record_add(&record, "ECHOD_LISTENER", "%s", audit->client->listener);
        record_add(&record, "ECHOD_PID", "%d", (int)audit->client->pid);
    }
    log_send(log, &record);
}
