/*
 * An exchange with message boundaries: each message is a datagram or packet, and its answer is
 * awaited before the next is sent.
 */
#ifndef ECHOD_CLIENT_EXCHANGE_DATAGRAM_EXCHANGE_H
#define ECHOD_CLIENT_EXCHANGE_DATAGRAM_EXCHANGE_H

#include "client/exchange/exchange.h"

/*
 * Runs PLAN, whose socket is not a stream, to its end: sends each message, or each line of the
 * input, and waits for its answer. An unanswered message is reported and does not end the exchange.
 * Unexpected datagrams are output as well. Otherwise as stream_exchange_run().
 */
void datagram_exchange_run(const struct exchange_plan *plan, struct exchange_result *result);

#endif
