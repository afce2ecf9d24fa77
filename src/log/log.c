#include "log/log.h"

#include "base/clock.h"
#include "base/fd.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>

/* How often dropped records are reported, if nothing else is logged. */
#define REPORT_TIME USEC_PER_SEC

bool log_is_enabled(const struct log *log, int priority)
{
    return priority <= log->level;
}

static void print(const struct log *log, const struct record *record)
{
    const char *message = record_get(record->data, record->used, "MESSAGE");

    fprintf(stderr, "%s%s\n", log->bare ? "" : "echod: ", message ? message : "?");
}

/* Returns whether the channel took RECORD. */
static bool offer(const struct log *log, const struct record *record)
{
    ssize_t n;

    do
        n = send(log->channel, record->data, record->used, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return n >= 0;
}

void log_report_dropped(struct log *log)
{
    char buf[RECORD_MAX];
    struct record record;

    if (log->dropped == 0)
        return;
    record_start(&record, buf, sizeof(buf), LOG_WARNING,
                 "%llu record%s dropped: the log is too slow", (unsigned long long)log->dropped,
                 log->dropped == 1 ? " was" : "s were");
    record_event(&record, EVENT_DROPPED);
    record_add(&record, "ECHOD_DROPPED", "%llu", (unsigned long long)log->dropped);
    if (offer(log, &record))
        log->dropped = 0;
}

void log_run(struct log *log, uint64_t now)
{
    if (now < log_next(log))
        return;
    log->report_at = now + REPORT_TIME;
    log_report_dropped(log);
}

uint64_t log_next(const struct log *log)
{
    return log->dropped > 0 ? log->report_at : UINT64_MAX;
}

void log_send(struct log *log, const struct record *record)
{
    if (log->channel < 0) {
        print(log, record);
        return;
    }
    log_report_dropped(log);
    if (log->dropped == 0 && offer(log, record))
        return;
    if (log->dropped == 0 && fd_is_refusal(errno)) {
        print(log, record);
        return;
    }
    log->dropped++;
    if (log->total_dropped)
        (*log->total_dropped)++;
}

/* EVENT_COUNT means that the record has no event. */
static void log_formatted(struct log *log, enum event event, int priority, const char *format,
                          va_list args)
{
    char text[RECORD_MAX / 2], buf[RECORD_MAX];
    struct record record;

    vsnprintf(text, sizeof(text), format, args);
    if (priority <= LOG_ERR && log->complaint[0] == '\0')
        snprintf(log->complaint, sizeof(log->complaint), "%.511s", text);
    record_start(&record, buf, sizeof(buf), priority, "%s", text);
    if (event < EVENT_COUNT)
        record_event(&record, event);
    log_send(log, &record);
}

void log_text(struct log *log, int priority, const char *format, ...)
{
    va_list args;

    if (!log_is_enabled(log, priority))
        return;
    va_start(args, format);
    log_formatted(log, EVENT_COUNT, priority, format, args);
    va_end(args);
}

void log_event(struct log *log, enum event event, int priority, const char *format, ...)
{
    va_list args;

    if (!log_is_enabled(log, priority))
        return;
    va_start(args, format);
    log_formatted(log, event, priority, format, args);
    va_end(args);
}
