/*
 * The log of the daemon: records go to the scribe's channel without ever blocking or, before there
 * is a scribe, to standard error.
 */
#ifndef ECHOD_LOG_LOG_H
#define ECHOD_LOG_LOG_H

#include "base/macros.h"
#include "log/record.h"

#include <stdint.h>
#include <syslog.h>

struct log {
    int level;               /* less important records are omitted */
    int channel;             /* a SOCK_SEQPACKET descriptor (not owned); -1: standard error */
    bool bare;               /* on standard error: without the program's name */
    uint64_t dropped;        /* records that the channel had no room for, not reported yet */
    uint64_t report_at;      /* when they are, clock_now() */
    uint64_t *total_dropped; /* counts all of them; or NULL */
    char complaint[512];     /* the text of the first error, truncated; or empty */
};

/* Whether a record of PRIORITY would be logged. For use before an expensive one is made. */
bool log_is_enabled(const struct log *log, int priority);

/* Sends RECORD, or drops and counts it if the channel is full. */
void log_send(struct log *log, const struct record *record);

/* Logs how many records were dropped, once there is room again. */
void log_report_dropped(struct log *log);

/* Does that if NOW, clock_now(), is the time for it; when it is next, or UINT64_MAX: never. */
void log_run(struct log *log, uint64_t now);
uint64_t log_next(const struct log *log);

/* Formats and sends a record that has no further fields. */
void log_text(struct log *log, int priority, const char *format, ...) PRINTF_LIKE(3, 4);

/* The same for a record that is an EVENT. */
void log_event(struct log *log, enum event event, int priority, const char *format, ...)
    PRINTF_LIKE(4, 5);

#define log_error(log, ...) log_text(log, LOG_ERR, __VA_ARGS__)
#define log_warning(log, ...) log_text(log, LOG_WARNING, __VA_ARGS__)
#define log_notice(log, ...) log_text(log, LOG_NOTICE, __VA_ARGS__)
#define log_info(log, ...) log_text(log, LOG_INFO, __VA_ARGS__)
#define log_debug(log, ...) log_text(log, LOG_DEBUG, __VA_ARGS__)

#endif
