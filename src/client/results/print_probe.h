/*
 * A probe as a JSON object.
 */
#ifndef ECHOD_CLIENT_RESULTS_PRINT_PROBE_H
#define ECHOD_CLIENT_RESULTS_PRINT_PROBE_H

#include "client/probe/probe_stream.h"
#include "net/address.h"

/* The most bytes of a stray that are shown. */
#define STRAY_SHOWN 60

/* The name of VERDICT, one word. */
const char *verdict_name(enum verdict verdict);

/* Begin the object of a probe sent to PEER, with a VERDICT that involves no reply, or with what is
 * known of a REPLY. The caller may add members, and calls output_end(). */
void print_probe_begin(const struct address *peer, const char *verdict);
void print_probe_reply(const struct address *peer, const struct reply *reply);

#endif
