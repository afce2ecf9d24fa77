#include "client/exchange/message.h"

#include "base/clock.h"
#include "client/io/output.h"
#include "client/results/print_probe.h"

#include <string.h>

bool message_is(const struct message *m, const char *data, size_t len)
{
    return len == m->len && (len == 0 || memcmp(data, m->data, len) == 0);
}

/* Writes the times from sending M until the answer arrived, and until it was processed. */
static void put_times(const struct message *m, uint64_t arrived)
{
    uint64_t seen = clock_nanoseconds() - m->begin;

    output_milliseconds("rtt_ms", arrived > m->begin ? arrived - m->begin : seen);
    output_milliseconds("seen_ms", seen);
}

void message_put_answer(const struct address *peer, const struct message *m, const char *data,
                        size_t len, uint64_t arrived)
{
    const char *verdict = !m ? "stray" : message_is(m, data, len) ? "intact" : "different";

    print_probe_begin(peer, verdict);
    if (m)
        output_count("seq", m->number);
    output_count("bytes", len);
    output_bytes("text", data, len);
    if (m)
        put_times(m, arrived);
    output_end();
}

void message_put_failure(const struct address *peer, const struct message *m, const char *verdict,
                         const char *reason)
{
    print_probe_begin(peer, verdict);
    output_count("seq", m->number);
    if (reason)
        output_text("reason", reason);
    output_end();
}
