#include "daemon/requests.h"

#include "base/text.h"
#include "daemon/admission/check_access.h"
#include "daemon/control/audit.h"
#include "daemon/control/reports.h"
#include "daemon/status.h"
#include "daemon/supervise/worker_signals.h"
#include "daemon/takeover.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void log_request(struct daemon *d, const struct ucred *by, const char *request,
                        const struct client *client)
{
    const struct audit audit = {
        .request = request, .way = "through the control socket", .by = *by, .client = client};

    audit_log(&d->log, &audit);
}

static void request_kill(struct daemon *d, const struct ucred *by, const char *id, FILE *to)
{
    uint64_t pid = 0;
    bool number = number_parse(id, &pid) == 0 && pid <= INT32_MAX;
    struct client *client = number ? sessions_find(&d->sessions, (pid_t)pid) : NULL;

    if (!number)
        fputs("error the ID of a client is the number that echoctl list shows\n", to);
    else if (!client)
        fprintf(to, "error no client has the ID %d: echoctl list shows them\n", (int)pid);
    if (!client)
        return;
    log_request(d, by, "kill", client);
    worker_signal_client(&d->fork_servers, client, client->end_requested ? SIGKILL : SIGTERM);
    client->end_requested = true;
    fprintf(to, "ok\nid=%d\n", (int)pid);
}

/* Whether a request is printable, and so can be repeated in the reply. */
static bool is_plain(const char *text)
{
    while (*text >= ' ' && *text <= '~')
        text++;
    return *text == '\0';
}

static const struct {
    const char *name;
    void (*report)(const struct report_source *source, FILE *to);
} reports[] = {{"status", report_status},
               {"list", report_clients},
               {"listeners", report_listeners},
               {"datagrams", report_datagrams},
               {"metrics", report_metrics}};

/* Answers REQUEST if it is for a report. Returns whether it is. */
static bool answer_report(const struct daemon *d, const char *request, FILE *to)
{
    const struct report_source source = status_report_source(d);

    for (size_t i = 0; i < ARRAY_SIZE(reports); i++) {
        if (strcmp(request, reports[i].name) != 0)
            continue;
        fputs("ok\n", to);
        reports[i].report(&source, to);
        return true;
    }
    return false;
}

/* Returns the operands of REQUEST if its first word is NAME, else NULL. */
static const char *operands_of(const char *request, const char *name)
{
    size_t len = strlen(name);

    return strncmp(request, name, len) == 0 && request[len] == ' ' ? request + len + 1 : NULL;
}

static void answer(struct daemon *d, const struct ucred *by, const char *request, FILE *to)
{
    const char *client = operands_of(request, "kill");
    const char *access = operands_of(request, "check-access");

    if (is_plain(request) && client)
        request_kill(d, by, client, to);
    else if (is_plain(request) && access)
        check_access_answer(&d->admission, access, to);
    else if (!is_plain(request) || !answer_report(d, request, to))
        fputs("error unknown request\n", to);
}

static void request_reload(struct daemon *d, size_t index)
{
    log_request(d, control_user(&d->control, index), "reload", NULL);
    takeover_request(d, control_release(&d->control, index));
}

void requests_hangup(struct daemon *d, const siginfo_t *info)
{
    bool by_kernel = info->si_code == SI_KERNEL;
    const struct audit audit = {
        .request = "reload",
        .way = "by SIGHUP",
        .by = {.uid = by_kernel ? AUDIT_KERNEL : info->si_uid, .pid = info->si_pid}};

    audit_log(&d->log, &audit);
    takeover_request(d, -1);
}

void requests_ready(struct daemon *d, size_t index)
{
    const char *request = control_ready(&d->control, index);
    char *text = NULL;
    size_t size = 0;

    if (!request)
        return;
    if (strcmp(request, "reload") == 0) {
        request_reload(d, index);
        return;
    }
    FILE *to = open_memstream(&text, &size);
    if (to)
        answer(d, control_user(&d->control, index), request, to);
    if (to && fclose(to) != 0) {
        free(text);
        text = NULL;
    }
    control_answer(&d->control, index, text, size);
}
