#include "generator/notice.h"

#include "base/fd.h"
#include "log/record.h"
#include "net/address.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#define IDENTIFIER "echod-generator"
#define JOURNAL "/run/systemd/journal/socket"
#define KERNEL_LOG "/dev/kmsg"
/* The longest line that /dev/kmsg accepts, minus the prefix. */
#define KERNEL_LINE_MAX 900

/* In the native protocol of the journal, with a line for each field, as no value has a newline. */
static bool send_to_journal(const struct record *record)
{
    char text[RECORD_MAX];
    struct address journal;

    for (size_t i = 0; i < record->used; i++)
        text[i] = record->data[i] ? record->data[i] : '\n';
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool told =
        fd >= 0 && address_unix(&journal, JOURNAL) == 0 &&
        sendto(fd, text, record->used, MSG_DONTWAIT | MSG_NOSIGNAL, &journal.sa, journal.len) >= 0;
    fd_close(&fd);
    return told;
}

static const char *value_of(const struct record *record, const char *name)
{
    const char *value = record_get(record->data, record->used, name);

    return value ? value : "";
}

static void write_to_kernel(const struct record *record)
{
    char line[KERNEL_LINE_MAX];
    int fd = open(KERNEL_LOG, O_WRONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

    if (fd < 0)
        return;
    snprintf(line, sizeof(line), "<%s>" IDENTIFIER "[%d]: %s", value_of(record, "PRIORITY"),
             (int)getpid(), value_of(record, "MESSAGE"));
    fd_write_all(fd, line, strlen(line));
    fd_close(&fd);
}

static void notice_send(const struct unit *unit, struct record *record)
{
    fprintf(stderr, IDENTIFIER ": %s\n", value_of(record, "MESSAGE"));
    if (unit->root[0])
        return;
    record_add(record, "SYSLOG_IDENTIFIER", IDENTIFIER);
    record_add(record, "OBJECT_SYSTEMD_UNIT", "%s", unit->service);
    if (!send_to_journal(record))
        write_to_kernel(record);
}

void notice_text(const struct unit *unit, int priority, const char *format, ...)
{
    char buf[RECORD_MAX], text[RECORD_MAX / 2];
    struct record record;
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    record_start(&record, buf, sizeof(buf), priority, "%s", text);
    notice_send(unit, &record);
}

void notice_invalid(const struct unit *unit, const char *consequence)
{
    char buf[RECORD_MAX];
    struct record record;

    record_start(&record, buf, sizeof(buf), LOG_ERR, CONFIG_DIRECTORY "/%s.conf is wrong: %s",
                 unit->name, consequence);
    record_event(&record, EVENT_NOT_GENERATED);
    notice_send(unit, &record);
}
