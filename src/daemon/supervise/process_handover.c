#include "daemon/supervise/process_handover.h"

#include "base/clock.h"

#include <errno.h>
#include <string.h>

static void save_scribe(const struct scribe_process *scribe, struct handover *handover)
{
    FILE *to = handover->to;

    fprintf(to, "scribe %d %d %d %d %d %d\n", (int)scribe->sink, (int)scribe->pid,
            scribe->records_in, scribe->records_out, scribe->stores, scribe->retiring);
    handover_add(handover, scribe->records_in);
    handover_add(handover, scribe->records_out);
    handover_add(handover, scribe->stores);
    for (uint32_t i = 0; i < scribe->count; i++) {
        const struct store_connection *c = &scribe->connection[i];
        if (c->fd < 0)
            continue;
        fprintf(to, "store %u %d %d %llu\n", i + 1, c->fd, c->passed,
                (unsigned long long)c->source);
        handover_add(handover, c->fd);
    }
}

static void save_fork_servers(const struct fork_servers *fs, struct handover *handover)
{
    FILE *to = handover->to;

    for (size_t i = 0; i < fs->count; i++) {
        const struct fork_server *s = &fs->item[i];
        fprintf(to, "fork-server %u %d %d %d %d %d %llu %llu %llu %lld\n", s->number, (int)s->pid,
                s->channel, s->far, s->number == fs->current, s->ready,
                (unsigned long long)s->file.device, (unsigned long long)s->file.inode,
                (unsigned long long)s->file.size, (long long)s->file.modified);
        handover_add(handover, s->channel);
        handover_add(handover, s->far);
    }
    for (unsigned i = 0; fs->known && i < PROTECTION_COUNT; i++)
        fprintf(to, "protection %u %d %d\n", i, fs->protection[i].error, fs->protection[i].level);
}

void processes_save(const struct jobs *jobs, struct handover *handover)
{
    fprintf(handover->to, "jobs %llu\n", (unsigned long long)jobs->last);
    save_scribe(jobs->scribe, handover);
    save_fork_servers(jobs->servers, handover);
}

static int restore_scribe(struct scribe_process *scribe, const struct title *title,
                          const char *line)
{
    int sink, pid, retiring = false; /* which older versions do not write */

    if (sscanf(line, "scribe %d %d %d %d %d %d", &sink, &pid, &scribe->records_in,
               &scribe->records_out, &scribe->stores, &retiring) < 5)
        return -EPROTO;
    handover_take(scribe->records_in);
    handover_take(scribe->records_out);
    handover_take(scribe->stores);
    scribe->sink = (enum sink)sink;
    scribe->retiring = retiring;
    scribe->pid = pid;
    scribe->title = title;
    scribe->seed = hash_seed_new();
    scribe->since = clock_now();
    return 0;
}

static int read_store(const char *line, struct scribe_process *scribe)
{
    struct store_connection connection = {0};
    unsigned long long source = 0;
    unsigned number;
    int passed;

    if (sscanf(line, "store %u %d %d %llu", &number, &connection.fd, &passed, &source) < 3)
        return -EPROTO;
    handover_take(connection.fd);
    connection.passed = passed;
    connection.source = source;
    return scribe_process_adopt(scribe, number, &connection);
}

static int read_fork_server(const char *line, struct fork_servers *fs)
{
    unsigned long long device, inode, size;
    struct fork_server s = {.started = clock_now()};
    long long modified;
    int pid, current, ready;

    if (sscanf(line, "fork-server %u %d %d %d %d %d %llu %llu %llu %lld", &s.number, &pid,
               &s.channel, &s.far, &current, &ready, &device, &inode, &size, &modified) != 10)
        return -EPROTO;
    handover_take(s.channel);
    handover_take(s.far);
    s.pid = pid;
    s.ready = ready;
    s.file = (struct file_identity){
        .device = device, .inode = inode, .size = size, .modified = modified};
    return fork_servers_adopt(fs, &s, current);
}

static int read_protection(const char *line, struct fork_servers *fs)
{
    unsigned protection;
    struct protection_state state;

    if (sscanf(line, "protection %u %d %d", &protection, &state.error, &state.level) != 3)
        return -EPROTO;
    if (protection < PROTECTION_COUNT)
        fs->protection[protection] = state;
    fs->known = true;
    return 0;
}

static int read_jobs(const char *line, struct jobs *jobs)
{
    unsigned long long last;

    if (sscanf(line, "jobs %llu", &last) != 1)
        return -EPROTO;
    jobs->last = last;
    return 0;
}

int processes_restore(struct jobs *jobs, const struct title *title, const char *line)
{
    if (handover_is(line, "jobs "))
        return read_jobs(line, jobs);
    if (handover_is(line, "scribe "))
        return restore_scribe(jobs->scribe, title, line);
    if (handover_is(line, "store "))
        return read_store(line, jobs->scribe);
    if (handover_is(line, "fork-server "))
        return read_fork_server(line, jobs->servers);
    return handover_is(line, "protection ") ? read_protection(line, jobs->servers) : 0;
}

int processes_find_records(int fd)
{
    return handover_number(fd, "scribe %*d %*d %*d %d");
}
