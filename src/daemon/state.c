#include "daemon/state.h"

#include "daemon/admission/waiting_handover.h"
#include "daemon/datagram/datagram_handover.h"
#include "daemon/session/sessions_handover.h"
#include "daemon/supervise/process_handover.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* The longest line, which is that of a datagram worker or of a client. */
#define LINE_MAX_SIZE (DATAGRAM_LINE_MAX > 1024 ? DATAGRAM_LINE_MAX : 1024)

/* ---- writing ---- */

static void save_log(const struct daemon *d, FILE *to)
{
    for (int kind = 0; kind < LOG_LIMIT_KINDS; kind++)
        fprintf(to, "flood %d %llu %llu\n", kind,
                (unsigned long long)d->log_limit.buckets[kind].tokens,
                (unsigned long long)d->log_limit.buckets[kind].filled);
    fprintf(to, "dropped %llu\n", (unsigned long long)d->log.dropped);
}

/* Saves the state that belongs to none of the folders below. */
static void save_own(const struct daemon *d, struct handover *handover)
{
    const struct file_identity *program = &d->program_file;
    FILE *to = handover->to;

    fprintf(to, "doorbell %d\n", d->doorbell);
    handover_add(handover, d->doorbell);
    fprintf(to, "pid-file %d\n", d->pid_file);
    handover_add(handover, d->pid_file);
    fprintf(to, "started %llu\n", (unsigned long long)d->started);
    fprintf(to, "mutings %llu\n", (unsigned long long)d->admission.pause.count);
    fprintf(to, "program %llu %llu %llu %lld\n", (unsigned long long)program->device,
            (unsigned long long)program->inode, (unsigned long long)program->size,
            (long long)program->modified);
}

int state_save(const struct daemon *d, struct handover *handover, bool final)
{
    int r = handover_begin(handover);

    if (r < 0)
        return r;
    sessions_save_slots(&d->sessions, handover);
    save_own(d, handover);
    sessions_save_counters(&d->sessions, handover);
    save_log(d, handover->to);
    reload_save(&d->reload, handover);
    control_save(&d->control, handover);
    listeners_save(&d->listeners, handover);
    processes_save(&d->jobs, handover);
    datagram_workers_save(&d->datagrams, handover);
    sessions_save_clients(&d->sessions, handover);
    if (final)
        waiting_save(&d->admission, handover);
    r = handover_end(handover);
    if (r < 0)
        handover_close(handover);
    return r;
}

/* ---- reading ---- */

static int read_started(const char *line, struct daemon *d)
{
    unsigned long long started;

    if (sscanf(line, "started %llu", &started) != 1)
        return -EPROTO;
    d->started = started;
    d->counters.reloads++;
    return 0;
}

static int read_flood(const char *line, struct log_limit *limit)
{
    unsigned long long tokens, filled;
    unsigned kind;

    if (sscanf(line, "flood %u %llu %llu", &kind, &tokens, &filled) != 3)
        return -EPROTO;
    if (kind < LOG_LIMIT_KINDS)
        limit->buckets[kind] = (struct log_limit_bucket){.tokens = tokens, .filled = filled};
    return 0;
}

static int read_dropped(const char *line, struct log *log)
{
    unsigned long long dropped;

    if (sscanf(line, "dropped %llu", &dropped) != 1)
        return -EPROTO;
    log->dropped = dropped;
    return 0;
}

static int read_pauses(const char *line, struct daemon *d)
{
    unsigned long long mutings;

    if (sscanf(line, "mutings %llu", &mutings) != 1)
        return -EPROTO;
    d->admission.pause.count = mutings;
    return 0;
}

static int read_program(const char *line, struct file_identity *program)
{
    unsigned long long device, inode, size;
    long long modified;

    if (sscanf(line, "program %llu %llu %llu %lld", &device, &inode, &size, &modified) != 4)
        return -EPROTO;
    *program = (struct file_identity){
        .device = device, .inode = inode, .size = size, .modified = modified};
    return 0;
}

static int read_fd(const char *line, const char *format, int *fd)
    __attribute__((format(scanf, 2, 0)));
static int read_fd(const char *line, const char *format, int *fd)
{
    if (sscanf(line, format, fd) != 1)
        return -EPROTO;
    handover_take(*fd);
    return 0;
}

/* Restores LINE, with the result in *R, if it was written by save_own(). Returns whether it was. */
static bool restore_own(const char *line, struct daemon *d, int *r)
{
    if (handover_is(line, "doorbell "))
        *r = read_fd(line, "doorbell %d", &d->doorbell);
    else if (handover_is(line, "pid-file "))
        *r = read_fd(line, "pid-file %d", &d->pid_file);
    else if (handover_is(line, "started "))
        *r = read_started(line, d);
    else if (handover_is(line, "program "))
        *r = read_program(line, &d->program_file);
    else if (handover_is(line, "mutings "))
        *r = read_pauses(line, d);
    else if (handover_is(line, "flood "))
        *r = read_flood(line, &d->log_limit);
    else if (handover_is(line, "dropped "))
        *r = read_dropped(line, &d->log);
    else
        return false;
    return true;
}

/* Ignores unknown lines, which a later version may add. */
static int restore_line(const char *line, struct daemon *d, struct inherited *inherited)
{
    int r;

    if (restore_own(line, d, &r))
        return r;
    if (handover_is(line, "listener "))
        return inherited_restore(inherited, line);
    if (handover_is(line, "slots "))
        return sessions_restore_slots(&d->sessions, d->settings->server, line);
    if (handover_is(line, "client "))
        return sessions_restore_client(&d->sessions, line);
    if (handover_is(line, "total ") || handover_is(line, "histogram "))
        return sessions_restore_counter(&d->sessions, line);
    if (handover_is(line, "control "))
        return control_restore(&d->control, line);
    if (handover_is(line, "waiter "))
        return reload_restore(&d->reload, line);
    if (handover_is(line, "datagram-slots "))
        return datagram_workers_restore_slots(line, &d->datagrams);
    if (handover_is(line, "datagram-worker "))
        return datagram_workers_restore_worker(line, &d->datagrams);
    if (handover_is(line, "waiting "))
        return waiting_restore(&d->admission, line);
    return processes_restore(&d->jobs, d->title, line);
}

int state_restore(struct daemon *d, int fd, struct inherited *inherited)
{
    char line[LINE_MAX_SIZE];
    FILE *from = handover_read(fd);

    if (!from)
        return -errno;
    int r = 0;
    while (r == 0 && fgets(line, sizeof(line), from))
        r = restore_line(line, d, inherited);
    fclose(from);
    return r;
}
