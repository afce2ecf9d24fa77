#include "daemon/datagram/datagram_log.h"

#include "base/duration.h"
#include "daemon/session/session_log.h"
#include "ipc/end.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#define CLAUSE_MAX 160

bool datagram_end_is_crash(int status)
{
    return !WIFEXITED(status) || WEXITSTATUS(status) != END_STOPPED;
}

/* Appends the reason to CLAUSE. */
static void explain(char *clause, int status, const struct slot *slot)
{
    int error = slot->error;
    const struct end_meaning *meaning = end_meaning(WEXITSTATUS(status));

    if (WIFSIGNALED(status)) {
        const char *name = sigabbrev_np(WTERMSIG(status));
        text_append(clause, CLAUSE_MAX, "was killed by signal %d (SIG%s)", WTERMSIG(status),
                    name ? name : "?");
        return;
    }
    if (!datagram_end_is_crash(status)) {
        text_append(clause, CLAUSE_MAX, "was terminated by another process");
        return;
    }
    text_append(clause, CLAUSE_MAX, "exited with the %sstatus %d", meaning ? "" : "unexpected ",
                WEXITSTATUS(status));
    if (meaning && meaning->end == END_SANDBOX)
        session_log_call(clause, CLAUSE_MAX, slot->call);
    else if (meaning && error)
        text_append(clause, CLAUSE_MAX, ": %s", strerror(error));
}

void datagram_log_end(struct log *log, const struct datagram_worker *worker, int status,
                      const struct slot *slot)
{
    char buf[RECORD_MAX], clause[CLAUSE_MAX] = "", pause[DURATION_TEXT_MAX];
    struct record record;

    if (!log_is_enabled(log, LOG_WARNING))
        return;
    explain(clause, status, slot);
    record_start(&record, buf, sizeof(buf), LOG_WARNING,
                 "the worker of %s (%s) %s; starting another one in %s", worker->name,
                 worker->address, clause, duration_format(worker->pause, pause, sizeof(pause)));
    record_event(&record, EVENT_RESTART);
    record_add(&record, "ECHOD_LISTENER", "%s", worker->name);
    record_add(&record, "ECHOD_ADDRESS", "%s", worker->address);
    record_add(&record, "ECHOD_SERVICE", "%s", service_name(worker->service));
    record_add(&record, "ECHOD_PID", "%d", (int)worker->pid);
    log_send(log, &record);
}

void datagram_log_failure(struct log *log, const struct datagram_worker *worker, int error)
{
    char pause[DURATION_TEXT_MAX];

    log_warning(log, "cannot fork a worker for %s (%s): %s; retrying in %s", worker->name,
                worker->address, strerror(error),
                duration_format(worker->pause, pause, sizeof(pause)));
}

void datagram_log_counts(struct log *log, const struct datagram_worker *worker,
                         const struct datagram_counters *counters)
{
    const uint64_t *count = counters->count;
    char buf[RECORD_MAX], text[1024] = "";
    struct record record;

    if (!log_is_enabled(log, LOG_INFO))
        return;
    datagram_counters_format(counters, text, sizeof(text));
    record_start(&record, buf, sizeof(buf), LOG_INFO, "datagrams on %s (%s): %s", worker->name,
                 worker->address, text);
    record_event(&record, EVENT_DATAGRAMS);
    record_add(&record, "ECHOD_LISTENER", "%s", worker->name);
    record_add(&record, "ECHOD_ADDRESS", "%s", worker->address);
    record_add(&record, "ECHOD_SERVICE", "%s", service_name(worker->service));
    record_add(&record, "ECHOD_DATAGRAMS_IN", "%llu", (unsigned long long)count[COUNTER_IN]);
    record_add(&record, "ECHOD_DATAGRAMS_OUT", "%llu", (unsigned long long)count[COUNTER_OUT]);
    record_add(&record, "ECHOD_BYTES_IN", "%llu", (unsigned long long)count[COUNTER_BYTES_IN]);
    record_add(&record, "ECHOD_BYTES_OUT", "%llu", (unsigned long long)count[COUNTER_BYTES_OUT]);
    record_add(&record, "ECHOD_MESSAGES", "%llu", (unsigned long long)count[COUNTER_MESSAGES]);
    record_add(&record, "ECHOD_UNANSWERED", "%llu",
               (unsigned long long)datagram_counters_unanswered(counters));
    log_send(log, &record);
}
