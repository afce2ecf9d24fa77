#include "daemon/session/counters.h"

#define AT(field) .offset = offsetof(struct counters, field)
#define DATAGRAM(counter) AT(datagrams.count[COUNTER_##counter])

const struct counter_row counter_table[] = {
    {AT(served), .name = "served", .metric = "clients_served_total",
     .help = "Clients that got a worker."},
    {AT(refused), .name = "refused", .metric = "clients_refused_total",
     .help = "Clients that were refused."},
    {AT(crashed), .name = "crashed", .metric = "workers_crashed_total",
     .help = "Workers that were killed or exited unexpectedly."},
    {AT(violations), .name = "violations", .metric = "sandbox_violations_total",
     .help = "Workers that made a system call that their sandbox forbids."},
    {AT(bytes_in), .name = "bytes_in", .metric = "received_bytes_total",
     .help = "Bytes received in sessions that have ended."},
    {AT(bytes_out), .name = "bytes_out", .metric = "sent_bytes_total",
     .help = "Bytes sent in sessions that have ended."},
    {AT(messages), .name = "messages", .metric = "messages_stored_total",
     .help = "Messages stored in sessions that have ended."},
    {AT(dropped), .name = "dropped", .metric = "records_dropped_total",
     .help = "Log records that were dropped because the log was too slow."},
    {AT(reloads), .name = "reloads", .metric = "reloads_total",
     .help = "Reloads that took effect."},
    {AT(rejected), .name = "rejected", .metric = "reloads_rejected_total",
     .help = "Reloads that were rejected because of an error."},
    {DATAGRAM(IN), .name = "datagrams_in", .metric = "datagrams_received_total",
     .help = "Datagrams received."},
    {DATAGRAM(OUT), .name = "datagrams_out", .metric = "datagrams_sent_total",
     .help = "Datagrams sent."},
    {DATAGRAM(BYTES_IN), .name = "datagram_bytes_in", .metric = "datagram_received_bytes_total",
     .help = "Bytes received in datagrams."},
    {DATAGRAM(BYTES_OUT), .name = "datagram_bytes_out", .metric = "datagram_sent_bytes_total",
     .help = "Bytes sent in datagrams."},
    {DATAGRAM(MESSAGES), .name = "datagram_messages", .metric = "datagram_messages_stored_total",
     .help = "Messages stored that arrived in datagrams."},
    {DATAGRAM(LOW_PORT), .name = "unanswered_low_port",
     .metric = "datagrams_unanswered_low_port_total",
     .help = "Datagrams not answered: from a port below 1024."},
    {DATAGRAM(OWN_PORT), .name = "unanswered_own_port",
     .metric = "datagrams_unanswered_own_port_total",
     .help = "Datagrams not answered: from a port of echod itself."},
    {DATAGRAM(NOT_UNICAST), .name = "unanswered_not_unicast",
     .metric = "datagrams_unanswered_not_unicast_total",
     .help = "Datagrams not answered: broadcast or multicast."},
    {DATAGRAM(DENIED), .name = "unanswered_denied", .metric = "datagrams_unanswered_denied_total",
     .help = "Datagrams not answered: their source is not allowed."},
    {DATAGRAM(RATE), .name = "unanswered_rate", .metric = "datagrams_unanswered_rate_total",
     .help = "Datagrams not answered: over the rate limit of their source."},
    {DATAGRAM(LOOP), .name = "unanswered_loop", .metric = "datagrams_unanswered_loop_total",
     .help = "Datagrams not answered: repeated, as in a loop."},
    {DATAGRAM(TOO_LONG), .name = "unanswered_too_long",
     .metric = "datagrams_unanswered_too_long_total", .help = "Datagrams rejected: too long."},
    {DATAGRAM(NOT_STORED), .name = "unanswered_not_stored",
     .metric = "datagrams_unanswered_not_stored_total",
     .help = "Datagrams rejected: the message could not be stored."},
    {DATAGRAM(UNNAMED), .name = "unanswered_unnamed",
     .metric = "datagrams_unanswered_unnamed_total",
     .help = "Datagrams not answered: their sender has no address."},
    {DATAGRAM(NOT_SENT), .name = "unanswered_not_sent",
     .metric = "datagrams_unanswered_not_sent_total",
     .help = "Datagrams not answered: the answer could not be sent."},
};
const size_t counter_count = ARRAY_SIZE(counter_table);

uint64_t *counter_of(struct counters *counters, const struct counter_row *row)
{
    return (uint64_t *)((char *)counters + row->offset);
}

bool counter_is_datagram(const struct counter_row *row, enum datagram_counter *counter)
{
    size_t first = offsetof(struct counters, datagrams.count);

    *counter = (enum datagram_counter)((row->offset - first) / sizeof(uint64_t));
    return row->offset >= first && row->offset < first + sizeof(struct datagram_counters);
}
