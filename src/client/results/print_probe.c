#include "client/results/print_probe.h"

#include "client/io/output.h"

static const char *const names[REPLY_VERDICTS] = {
    [REPLY_INTACT] = "intact",       [REPLY_LATE] = "late",
    [REPLY_REORDERED] = "reordered", [REPLY_DUPLICATE] = "duplicate",
    [REPLY_TRUNCATED] = "truncated", [REPLY_CORRUPTED] = "corrupted",
    [REPLY_STRAY] = "stray",
};

const char *verdict_name(enum verdict verdict)
{
    return names[verdict];
}

void print_probe_begin(const struct address *peer, const char *verdict)
{
    output_begin("probe");
    output_address("address", peer);
    output_text("verdict", verdict);
}

void print_probe_reply(const struct address *peer, const struct reply *reply)
{
    print_probe_begin(peer, names[reply->verdict]);
    output_count("bytes", reply->len);
    if (reply->verdict == REPLY_STRAY) {
        output_bytes("data", reply->data, reply->len < STRAY_SHOWN ? reply->len : STRAY_SHOWN);
    } else {
        output_count("seq", reply->seq);
        output_count("size", reply->size);
        output_milliseconds("rtt_ms", reply->time);
        output_milliseconds("seen_ms", reply->seen);
    }
    if (reply->verdict == REPLY_CORRUPTED)
        output_count("differs_at", reply->at + 1);
}
