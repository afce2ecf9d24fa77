#include "daemon/datagram_handover.h"

#include <errno.h>
#include <string.h>

/* The counts are what records have told of this very worker: those before it are all told. */
static void write_worker(const struct datagram_worker *worker, FILE *to)
{
    struct tallies told = tallies_difference(&worker->told, &worker->ended);

    fprintf(to, "datagram-worker %d %zu %u %llu %u %u %s", (int)worker->pid, worker->slot,
            worker->service, (unsigned long long)worker->job, worker->server, worker->store,
            worker->name);
    for (size_t t = 0; t < TALLY_COUNT; t++)
        fprintf(to, " %llu", (unsigned long long)told.count[t]);
    fprintf(to, " %s\n", worker->address);
}

void datagram_handover_write(const struct datagrams *datagrams, FILE *to)
{
    if (datagrams->slots.memory < 0)
        return;
    fprintf(to, "datagram-slots %d %zu\n", datagrams->slots.memory, datagrams->slots.count);
    for (size_t i = 0; i < datagrams->count; i++)
        if (datagrams->item[i].job)
            write_worker(&datagrams->item[i], to);
}

int datagram_handover_read_slots(const char *line, struct datagrams *datagrams)
{
    size_t count;
    int memory;

    if (sscanf(line, "datagram-slots %d %zu", &memory, &count) != 2 || datagrams->slots.map ||
        count > SLOTS_MAX)
        return -EPROTO;
    return slots_adopt(&datagrams->slots, memory, count);
}

/* Reads a count at *P and moves *P past it, and the blank before it. */
static int read_count(const char **p, uint64_t *count)
{
    *p += strspn(*p, " ");
    return number_scan(p, count);
}

int datagram_handover_read_worker(const char *line, struct datagrams *datagrams)
{
    struct datagram_worker worker = {0};
    unsigned long long job;
    int pid, len = 0;

    if (sscanf(line, "datagram-worker %d %zu %u %llu %u %u %32s%n", &pid, &worker.slot,
               &worker.service, &job, &worker.server, &worker.store, worker.name, &len) != 7 ||
        worker.slot >= datagrams->slots.count)
        return -EPROTO;
    worker.pid = pid;
    worker.job = job;
    line += len;
    for (size_t t = 0; t < TALLY_COUNT; t++)
        if (read_count(&line, &worker.told.count[t]) < 0)
            return -EPROTO;
    line += strspn(line, " ");
    snprintf(worker.address, sizeof(worker.address), "%.*s", (int)strcspn(line, "\n"), line);
    datagrams_restore(datagrams, &worker);
    return 0;
}
