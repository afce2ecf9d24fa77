#include "scribe/sink.h"

#include "base/fd.h"
#include "base/text.h"
#include "log/record.h"

#include <errno.h>
#include <linux/sockios.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <syslog.h>
#include <systemd/sd-journal.h>
#include <time.h>
#include <unistd.h>

#define MAX_FIELDS 32
#define JOURNAL "/run/systemd/journal/socket"
/* How many milliseconds to wait at exit for a journal that does not read. */
#define DRAIN_PAUSES 1000

/* JOURNAL_STREAM is the "device:inode" that systemd has connected. Standard error may have been
 * redirected since, so the numbers are compared. */
static int stderr_is_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    unsigned long long device, inode;
    struct stat st;

    return stream && sscanf(stream, "%llu:%llu", &device, &inode) == 2 &&
           fstat(STDERR_FILENO, &st) == 0 && st.st_dev == device && st.st_ino == inode;
}

enum sink sink_choose(int detaching)
{
    if (stderr_is_journal())
        return SINK_JOURNAL;
    return detaching && isatty(STDERR_FILENO) ? SINK_SYSLOG : SINK_STDERR;
}

/* Returns 0 if the journal has taken the record, or -errno. */
static int journal_send(const char *data, size_t len)
{
    struct iovec fields[MAX_FIELDS] = {{.iov_base = (char *)"SYSLOG_IDENTIFIER=echod",
                                        .iov_len = strlen("SYSLOG_IDENTIFIER=echod")}};
    int count = 1;

    for (const char *f = NULL; (f = record_next(data, len, f)) != NULL && count < MAX_FIELDS;)
        fields[count++] = (struct iovec){.iov_base = (char *)f, .iov_len = strlen(f)};
    int r = sd_journal_sendv(fields, count);
    /* sd_journal_sendv(3) also returns 0 if there is no journal. */
    return r == 0 && access(JOURNAL, F_OK) < 0 ? -errno : r;
}

static const char *value_of(const char *data, size_t len, const char *name)
{
    const char *value = record_get(data, len, name);

    return value ? value : "";
}

static int priority_of(const char *data, size_t len)
{
    uint64_t priority;

    if (number_parse(value_of(data, len, "PRIORITY"), &priority) < 0 || priority > LOG_DEBUG)
        return LOG_INFO;
    return (int)priority;
}

/* If the previous write may have been incomplete (the disk was full), ends that line first. */
static int text_write(const char *data, size_t len)
{
    static bool failed;
    static const char *const names[] = {"emergency", "alert",  "critical", "error",
                                        "warning",   "notice", "info",     "debug"};
    char *line;
    int n = asprintf(&line, "%s%s %s: %s\n", failed ? "\n" : "", value_of(data, len, "ECHOD_TIME"),
                     names[priority_of(data, len)], value_of(data, len, "MESSAGE"));

    if (n < 0)
        return -ENOMEM;
    int r = fd_write_all(STDERR_FILENO, line, (size_t)n);
    free(line);
    failed = r < 0;
    return r;
}

/* Falls back to standard error, which is also connected to the journal, if the journal's socket
 * cannot be reached (in a chroot, for example). */
static int journal_write(const char *data, size_t len)
{
    int r = journal_send(data, len);

    return r < 0 ? text_write(data, len) : 0;
}

/*
 * Waits until the journal has processed all records. It reads one datagram after the other, so this
 * sends an empty one, which it ignores, and waits until that is read: SIOCOUTQ (unix(7)) is the
 * number of unread bytes.
 */
static void journal_drain(void)
{
    static const struct sockaddr_un journal = {.sun_family = AF_UNIX, .sun_path = JOURNAL};
    const struct timespec pause = {.tv_nsec = 1000 * 1000};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), unread = 1;

    if (sendto(fd, NULL, 0, MSG_DONTWAIT, (const struct sockaddr *)&journal, sizeof(journal)) < 0)
        unread = 0;
    for (int i = 0; i < DRAIN_PAUSES && unread > 0; i++) {
        nanosleep(&pause, NULL);
        if (ioctl(fd, SIOCOUTQ, &unread) < 0)
            break;
    }
    fd_close(&fd);
}

void sink_drain(enum sink sink)
{
    if (sink == SINK_JOURNAL)
        journal_drain();
}

int sink_write(enum sink sink, const char *data, size_t len)
{
    switch (sink) {
    case SINK_JOURNAL:
        return journal_write(data, len);
    case SINK_SYSLOG:
        syslog(LOG_DAEMON | priority_of(data, len), "%s", value_of(data, len, "MESSAGE"));
        return 0;
    case SINK_STDERR:
        break;
    }
    return text_write(data, len);
}
