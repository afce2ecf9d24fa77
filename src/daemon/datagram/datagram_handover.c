#include "daemon/datagram/datagram_handover.h"

#include "daemon/session/slots_handover.h"

#include <errno.h>
#include <string.h>

/* Writes the logged counts of this worker only: those of its predecessors are all logged. */
static void write_worker(const struct datagram_worker *worker, FILE *to)
{
    struct datagram_counters logged = datagram_counters_difference(&worker->logged, &worker->ended);

    fprintf(to, "datagram-worker %d %zu %u %llu %u %u %s", (int)worker->pid, worker->slot,
            worker->service, (unsigned long long)worker->job, worker->server, worker->store,
            worker->name);
    for (size_t t = 0; t < DATAGRAM_COUNTERS; t++)
        fprintf(to, " %llu", (unsigned long long)logged.count[t]);
    fprintf(to, " %s\n", worker->address);
}

void datagram_workers_save(const struct datagram_workers *workers, struct handover *handover)
{
    if (workers->slots.memory < 0)
        return;
    slots_save(&workers->slots, "datagram-slots", handover);
    for (size_t i = 0; i < workers->count; i++)
        if (workers->item[i].job)
            write_worker(&workers->item[i], handover->to);
}

int datagram_workers_restore_slots(const char *line, struct datagram_workers *workers)
{
    struct saved_slots saved;

    if (saved_slots_read(&saved, line) < 0 || workers->slots.map)
        return -EPROTO;
    handover_take(saved.memory);
    return slots_adopt(&workers->slots, saved.memory, saved.count);
}

/* Reads a space and a count at *P and moves *P past them. */
static int read_count(const char **p, uint64_t *count)
{
    *p += strspn(*p, " ");
    return number_scan(p, count);
}

int datagram_workers_restore_worker(const char *line, struct datagram_workers *workers)
{
    struct datagram_worker worker = {0};
    unsigned long long job;
    int pid, len = 0;

    if (sscanf(line, "datagram-worker %d %zu %u %llu %u %u %32s%n", &pid, &worker.slot,
               &worker.service, &job, &worker.server, &worker.store, worker.name, &len) != 7 ||
        worker.slot >= workers->slots.count)
        return -EPROTO;
    worker.pid = pid;
    worker.job = job;
    line += len;
    for (size_t t = 0; t < DATAGRAM_COUNTERS; t++)
        if (read_count(&line, &worker.logged.count[t]) < 0)
            return -EPROTO;
    line += strspn(line, " ");
    snprintf(worker.address, sizeof(worker.address), "%.*s", (int)strcspn(line, "\n"), line);
    datagram_workers_add(workers, &worker);
    return 0;
}
