#include "daemon/asked.h"

#include "daemon/roster.h"

#include <stdio.h>

const char *asked_by(const struct ucred *by, char *buf)
{
    if (by->uid == ASKED_BY_KERNEL)
        snprintf(buf, ASKED_TEXT_MAX, "the kernel");
    else if (by->uid == 0)
        snprintf(buf, ASKED_TEXT_MAX, "root");
    else
        snprintf(buf, ASKED_TEXT_MAX, "uid %u", (unsigned)by->uid);
    if (by->uid != ASKED_BY_KERNEL && by->pid > 0)
        text_append(buf, ASKED_TEXT_MAX, ", process %d", (int)by->pid);
    return buf;
}

/* What is to happen, as far as it is not the request alone. */
static void describe(const struct asked *asked, char *buf, size_t size)
{
    char peer[ADDRESS_TEXT_MAX];

    if (asked->client)
        snprintf(buf, size, "the end of the session of %s on %s",
                 address_format(&asked->client->peer, peer, sizeof(peer)), asked->client->listener);
    else
        snprintf(buf, size, "a %s", asked->request);
}

void asked_log(struct log *log, const struct asked *asked)
{
    char buf[RECORD_MAX], by[ASKED_TEXT_MAX], what[ADDRESS_TEXT_MAX + 80], peer[ADDRESS_TEXT_MAX];
    struct record record;

    if (!log_wants(log, LOG_NOTICE))
        return;
    describe(asked, what, sizeof(what));
    record_start(&record, buf, sizeof(buf), LOG_NOTICE, "%s was asked for by %s, %s", what,
                 asked_by(&asked->by, by), asked->way);
    record_event(&record, EVENT_ASKED);
    record_add(&record, "ECHOD_REQUEST", "%s", asked->request);
    if (asked->by.uid != ASKED_BY_KERNEL)
        record_add(&record, "ECHOD_BY_UID", "%u", (unsigned)asked->by.uid);
    if (asked->by.pid > 0)
        record_add(&record, "ECHOD_BY_PID", "%d", (int)asked->by.pid);
    if (asked->client) {
        record_add(&record, "ECHOD_PEER", "%s",
                   address_format(&asked->client->peer, peer, sizeof(peer)));
        record_add(&record, "ECHOD_LISTENER", "%s", asked->client->listener);
        record_add(&record, "ECHOD_PID", "%d", (int)asked->client->pid);
    }
    log_send(log, &record);
}
