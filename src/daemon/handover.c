#include "daemon/handover.h"

#include "base/fd.h"
#include "daemon/client_handover.h"
#include "daemon/datagram/datagram_handover.h"
#include "daemon/process_handover.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define FIRST_WORD "echod-handover "
#define FIRST_LINE FIRST_WORD "3\n"

/* ---- which descriptors ---- */

/* Calls ACT for each that is handed over. */
static void each_descriptor(const struct server *server, void (*act)(int fd, bool pass), bool pass)
{
    const struct scribe_process *scribe = &server->scribe;
    const struct fork_servers *fs = &server->fork_servers;
    const int fixed[] = {
        server->sessions.slots.memory, server->doorbell,        scribe->records_in,
        scribe->records_out,           scribe->stores,          server->pid_file,
        server->reload.waiter,         server->reload.settings, server->control.listener,
        server->datagrams.slots.memory};

    for (size_t i = 0; i < ARRAY_SIZE(fixed); i++)
        if (fixed[i] >= 0)
            act(fixed[i], pass);
    for (size_t i = 0; i < server->listeners.count; i++)
        act(server->listeners.item[i].fd, pass);
    for (uint32_t i = 0; i < scribe->count; i++)
        if (scribe->connection[i].fd >= 0)
            act(scribe->connection[i].fd, pass);
    for (size_t i = 0; i < fs->count; i++) {
        act(fs->item[i].channel, pass);
        act(fs->item[i].far, pass);
    }
}

static void set_passing(int fd, bool pass)
{
    fcntl(fd, F_SETFD, pass ? 0 : FD_CLOEXEC);
}

void handover_pass_waiting(const struct server *server, bool pass)
{
    for (size_t i = 0; i < server->admission.waiting.count; i++)
        set_passing(server->admission.waiting.item[i].client, pass);
}

void handover_pass(const struct server *server, int fd, bool pass)
{
    each_descriptor(server, set_passing, pass);
    set_passing(fd, pass);
}

/* ---- writing ---- */

static void write_all(const struct server *server, FILE *to)
{
    fputs(FIRST_LINE, to);
    fprintf(to, "slots %d %zu\n", server->sessions.slots.memory, server->sessions.slots.count);
    fprintf(to, "doorbell %d\n", server->doorbell);
    fprintf(to, "started %llu\n", (unsigned long long)server->started);
    for (size_t t = 0; t < counter_count; t++)
        fprintf(to, "total %s %llu\n", counter_table[t].name,
                (unsigned long long)*counter_of((struct counters *)&server->counters,
                                                &counter_table[t]));
    histograms_write(&server->counters.sessions, to);
    for (int kind = 0; kind < LOG_LIMIT_KINDS; kind++)
        fprintf(to, "flood %d %llu %llu\n", kind,
                (unsigned long long)server->log_limit.buckets[kind].tokens,
                (unsigned long long)server->log_limit.buckets[kind].filled);
    fprintf(to, "mutings %llu\n", (unsigned long long)server->admission.pause.count);
    fprintf(to, "dropped %llu\n", (unsigned long long)server->log.dropped);
    fprintf(to, "pid-file %d\n", server->pid_file);
    fprintf(to, "settings %d\n", server->reload.settings);
    fprintf(to, "waiter %d\n", server->reload.waiter);
    fprintf(to, "control %d %llu %llu\n", server->control.listener,
            (unsigned long long)server->control.file.device,
            (unsigned long long)server->control.file.inode);
    for (size_t i = 0; i < server->listeners.count; i++) {
        const struct listener *l = &server->listeners.item[i];
        fprintf(to, "listener %d %d %s %llu %llu\n", l->fd, (int)l->origin, l->settings->name,
                (unsigned long long)l->file.device, (unsigned long long)l->file.inode);
    }
    process_handover_write(server, to);
    datagram_handover_write(&server->datagrams, to);
    for (size_t i = 0; i < server->sessions.roster.used_clients; i++)
        if (server->sessions.roster.clients[i].job)
            client_handover_write(server, i, to);
    client_handover_write_waiting(&server->admission.waiting, to);
}

int handover_write(const struct server *server)
{
    int fd = memfd_create("echod-handover", MFD_CLOEXEC);
    int copy = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 0);
    FILE *to = copy < 0 ? NULL : fdopen(copy, "we");
    int error = to ? 0 : errno;

    errno = 0;
    if (to) {
        write_all(server, to);
        error = fflush(to) == 0 && !ferror(to) ? 0 : errno ? errno : EIO;
        if (fclose(to) != 0 && error == 0)
            error = errno;
    } else {
        fd_close(&copy);
    }
    if (error)
        fd_close(&fd);
    return error ? -error : fd;
}

/* ---- reading ---- */

/* Whether FD is what handover_write() made, of whatever version. */
static bool is_handover(int fd)
{
    char line[sizeof(FIRST_WORD)] = "";

    return pread(fd, line, sizeof(line) - 1, 0) > 0 && strcmp(line, FIRST_WORD) == 0;
}

int handover_find(void)
{
    const char *text = getenv(HANDOVER_VARIABLE);
    uint64_t number;

    if (!text)
        return -1;
    if (number_parse(text, &number) < 0 || number > INT32_MAX || !is_handover((int)number)) {
        fprintf(stderr, "echod: " HANDOVER_VARIABLE " is set, but not by an echod: unset it\n");
        return -1;
    }
    unsetenv(HANDOVER_VARIABLE);
    set_passing((int)number, false);
    return (int)number;
}

/* The number that FORMAT finds in a line of FD; -1: in none. */
static int find_number(int fd, const char *format) __attribute__((format(scanf, 2, 0)));
static int find_number(int fd, const char *format)
{
    char line[512];
    int copy = lseek(fd, 0, SEEK_SET) < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 0), number = -1;
    FILE *from = copy < 0 ? NULL : fdopen(copy, "re");

    if (!from) {
        fd_close(&copy);
        return -1;
    }
    while (number < 0 && fgets(line, sizeof(line), from))
        if (sscanf(line, format, &number) != 1)
            number = -1;
    fclose(from);
    return number;
}

int handover_settings(int fd)
{
    int settings = find_number(fd, "settings %d");

    if (settings >= 0)
        set_passing(settings, false);
    return settings;
}

int handover_records(int fd)
{
    return find_number(fd, "scribe %*d %*d %*d %d");
}

struct handover_slots handover_slots(int fd)
{
    struct handover_slots slots = {.clients = find_number(fd, "slots %d"),
                                   .datagrams = find_number(fd, "datagram-slots %d")};
    int count = find_number(fd, "slots %*d %d"), more = find_number(fd, "datagram-slots %*d %d");

    slots.client_count = count > 0 ? (size_t)count : 0;
    slots.datagram_count = more > 0 ? (size_t)more : 0;
    return slots;
}

/* The room for the clients of before, however few are wanted from now on. Their sources are found
 * anew, by what the settings say now. */
static int read_slots(const char *line, struct server *server)
{
    const struct server_settings *limits = server->settings->server;
    size_t count;
    int memory;

    if (sscanf(line, "slots %d %zu", &memory, &count) != 2 || server->sessions.roster.clients ||
        count > SLOTS_MAX)
        return -EPROTO;
    count = count > limits->max_clients ? count : limits->max_clients;
    int r = roster_open(&server->sessions.roster, count, &limits->source_prefix);
    return r < 0 ? r : slots_adopt(&server->sessions.slots, memory, count);
}

static int read_started(const char *line, struct server *server)
{
    unsigned long long started;

    if (sscanf(line, "started %llu", &started) != 1)
        return -EPROTO;
    server->started = started;
    server->counters.reloads++;
    return 0;
}

static int read_flood(const char *line, struct log_limit *flood)
{
    unsigned long long tokens, filled;
    unsigned kind;

    if (sscanf(line, "flood %u %llu %llu", &kind, &tokens, &filled) != 3)
        return -EPROTO;
    if (kind < LOG_LIMIT_KINDS)
        flood->buckets[kind] = (struct log_limit_bucket){.tokens = tokens, .filled = filled};
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

static int read_mutings(const char *line, struct server *server)
{
    unsigned long long mutings;

    if (sscanf(line, "mutings %llu", &mutings) != 1)
        return -EPROTO;
    server->admission.pause.count = mutings;
    return 0;
}

static int read_total(const char *line, struct counters *counters)
{
    unsigned long long count;
    char name[32];

    if (sscanf(line, "total %31s %llu", name, &count) != 2)
        return -EPROTO;
    for (size_t i = 0; i < counter_count; i++)
        if (strcmp(counter_table[i].name, name) == 0)
            *counter_of(counters, &counter_table[i]) += count;
    return 0;
}

static int read_listener(const char *line, struct inherited *passed)
{
    struct inherited_socket socket = {.fd = -1};
    unsigned long long device = 0, inode = 0;
    int origin;

    /* A version that did not know the files of Unix sockets ended with the name. */
    if (sscanf(line, "listener %d %d %32s %llu %llu", &socket.fd, &origin, socket.name, &device,
               &inode) < 3)
        return -EPROTO;
    socket.file = (struct socket_file){.device = (dev_t)device, .inode = (ino_t)inode};
    socket.origin = (enum listener_origin)origin;
    socket.known = true;
    inherited_add(passed, &socket);
    return 0;
}

static int read_control(const char *line, struct control *control)
{
    unsigned long long device = 0, inode = 0;

    if (sscanf(line, "control %d %llu %llu", &control->listener, &device, &inode) < 1)
        return -EPROTO;
    control->file = (struct socket_file){.device = (dev_t)device, .inode = (ino_t)inode};
    return 0;
}

static bool begins(const char *line, const char *word)
{
    return strncmp(line, word, strlen(word)) == 0;
}

/* Lines that a later version may add are passed over. */
static int read_line(const char *line, struct server *server, struct inherited *passed)
{
    if (begins(line, "listener "))
        return read_listener(line, passed);
    if (!server)
        return 0;
    if (begins(line, "slots "))
        return read_slots(line, server);
    if (begins(line, "doorbell "))
        return sscanf(line, "doorbell %d", &server->doorbell) == 1 ? 0 : -EPROTO;
    if (begins(line, "flood "))
        return read_flood(line, &server->log_limit);
    if (begins(line, "mutings "))
        return read_mutings(line, server);
    if (begins(line, "dropped "))
        return read_dropped(line, &server->log);
    if (begins(line, "started "))
        return read_started(line, server);
    if (begins(line, "total "))
        return read_total(line, &server->counters);
    if (begins(line, "histogram "))
        return histograms_read(&server->counters.sessions, line);
    if (begins(line, "control "))
        return read_control(line, &server->control);
    if (begins(line, "pid-file "))
        return sscanf(line, "pid-file %d", &server->pid_file) == 1 ? 0 : -EPROTO;
    if (begins(line, "datagram-slots "))
        return datagram_handover_read_slots(line, &server->datagrams);
    if (begins(line, "datagram-worker "))
        return datagram_handover_read_worker(line, &server->datagrams);
    if (begins(line, "waiter "))
        return sscanf(line, "waiter %d", &server->reload.waiter) == 1 ? 0 : -EPROTO;
    if (begins(line, "client "))
        return client_handover_read(line, server);
    if (begins(line, "waiting "))
        return client_handover_read_waiting(line, server);
    return process_handover_read(line, server);
}

int handover_read(int fd, struct server *server, struct inherited *passed)
{
    char line[DATAGRAM_LINE_MAX > 1024 ? DATAGRAM_LINE_MAX : 1024]; /* the two longest */
    FILE *from = fdopen(fd, "re");

    if (!from)
        return -errno;
    rewind(from);
    int r = fgets(line, sizeof(line), from) && strcmp(line, FIRST_LINE) == 0 ? 0 : -EPROTO;
    while (r == 0 && fgets(line, sizeof(line), from))
        r = read_line(line, server, passed);
    fclose(from);
    if (server)
        each_descriptor(server, set_passing, false);
    if (server)
        handover_pass_waiting(server, false);
    for (size_t i = 0; i < passed->count; i++)
        set_passing(passed->item[i].fd, false);
    return r;
}
