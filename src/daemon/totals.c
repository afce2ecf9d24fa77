#include "daemon/totals.h"

#include "base/util.h"

#define AT(field) .offset = offsetof(struct totals, field)

const struct total_row total_table[] = {
    {AT(served), .name = "served", .metric = "clients_served_total",
     .help = "Clients that got a worker."},
    {AT(refused), .name = "refused", .metric = "clients_refused_total",
     .help = "Clients that were refused."},
    {AT(crashed), .name = "crashed", .metric = "workers_crashed_total",
     .help = "Workers that were killed or exited unexpectedly."},
    {AT(bytes_in), .name = "bytes_in", .metric = "received_bytes_total",
     .help = "Bytes received in sessions that have ended."},
    {AT(bytes_out), .name = "bytes_out", .metric = "sent_bytes_total",
     .help = "Bytes sent in sessions that have ended."},
    {AT(messages), .name = "messages", .metric = "messages_stored_total",
     .help = "Messages stored in sessions that have ended."},
    {AT(dropped), .name = "dropped", .metric = "records_dropped_total",
     .help = "Log records that found the log full."},
    {AT(reloads), .name = "reloads", .metric = "reloads_total",
     .help = "Reloads that took effect."},
    {AT(rejected), .name = "rejected", .metric = "reloads_rejected_total",
     .help = "Reloads that changed nothing, as something was wrong."},
};
const size_t total_count = ARRAY_SIZE(total_table);

uint64_t *total_of(struct totals *totals, const struct total_row *row)
{
    return (uint64_t *)((char *)totals + row->offset);
}
