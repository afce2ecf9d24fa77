/*
 * A probe as an object of JSON.
 */
#ifndef ECHOD_CLIENT_RESULTS_PRINT_PROBE_H
#define ECHOD_CLIENT_RESULTS_PRINT_PROBE_H

#include "client/probe/probe_stream.h"
#include "net/address.h"

/* How much of a stray is shown. */
#define STRAY_SHOWN 60

/* The verdict in a word. */
const char *verdict_name(enum verdict verdict);

/* Begins the object of a probe sent to PEER, to which members may be added: with a VERDICT of which
 * there is no reply; or with what is known of a REPLY. output_end() ends either. */
void print_probe_begin(const struct address *peer, const char *verdict);
void print_probe_reply(const struct address *peer, const struct reply *reply);

#endif
