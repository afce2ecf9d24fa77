#include "daemon/process_handover.h"

#include "base/clock.h"

#include <errno.h>
#include <string.h>

static void write_scribe(const struct scribe_process *scribe, FILE *to)
{
    fprintf(to, "scribe %d %d %d %d %d\n", (int)scribe->sink, (int)scribe->pid, scribe->records_in,
            scribe->records_out, scribe->stores);
    for (uint32_t i = 0; i < scribe->count; i++)
        if (scribe->connection[i].fd >= 0)
            fprintf(to, "store %u %d %d %llu\n", i + 1, scribe->connection[i].fd,
                    scribe->connection[i].passed, (unsigned long long)scribe->connection[i].source);
}

static void write_fork_servers(const struct fork_servers *fs, FILE *to)
{
    for (size_t i = 0; i < fs->count; i++) {
        const struct fork_server *s = &fs->item[i];
        fprintf(to, "fork-server %u %d %d %d %d %d %llu %llu %llu %lld\n", s->number, (int)s->pid,
                s->channel, s->far, s->number == fs->current, s->ready,
                (unsigned long long)s->file.device, (unsigned long long)s->file.inode,
                (unsigned long long)s->file.size, (long long)s->file.modified);
    }
    for (unsigned i = 0; fs->known && i < PROTECTION_COUNT; i++)
        fprintf(to, "protection %u %d %d\n", i, fs->protection[i].error, fs->protection[i].level);
}

void process_handover_write(const struct server *server, FILE *to)
{
    const struct file_identity *program = &server->program_file;

    fprintf(to, "program %llu %llu %llu %lld\n", (unsigned long long)program->device,
            (unsigned long long)program->inode, (unsigned long long)program->size,
            (long long)program->modified);
    fprintf(to, "jobs %llu\n", (unsigned long long)server->jobs.last);
    write_scribe(&server->scribe, to);
    write_fork_servers(&server->fork_servers, to);
}

static int read_scribe(const char *line, struct server *server)
{
    struct scribe_process *scribe = &server->scribe;
    int sink, pid;

    if (sscanf(line, "scribe %d %d %d %d %d", &sink, &pid, &scribe->records_in,
               &scribe->records_out, &scribe->stores) != 5)
        return -EPROTO;
    scribe->sink = (enum sink)sink;
    scribe->pid = pid;
    scribe->title = server->title;
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

static int read_jobs(const char *line, struct jobs *jobs)
{
    unsigned long long last;

    if (sscanf(line, "jobs %llu", &last) != 1)
        return -EPROTO;
    jobs->last = last;
    return 0;
}

static bool begins(const char *line, const char *word)
{
    return strncmp(line, word, strlen(word)) == 0;
}

int process_handover_read(const char *line, struct server *server)
{
    if (begins(line, "program "))
        return read_program(line, &server->program_file);
    if (begins(line, "jobs "))
        return read_jobs(line, &server->jobs);
    if (begins(line, "scribe "))
        return read_scribe(line, server);
    if (begins(line, "store "))
        return read_store(line, &server->scribe);
    if (begins(line, "fork-server "))
        return read_fork_server(line, &server->fork_servers);
    return begins(line, "protection ") ? read_protection(line, &server->fork_servers) : 0;
}
