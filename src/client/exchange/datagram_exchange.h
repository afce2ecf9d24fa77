/*
 * The exchange where messages stay apart: each is a datagram or a packet of its own, and is
 * answered by one before the next is sent.
 */
#ifndef ECHOD_CLIENT_EXCHANGE_DATAGRAM_EXCHANGE_H
#define ECHOD_CLIENT_EXCHANGE_DATAGRAM_EXCHANGE_H

#include "client/exchange/exchange.h"

/*
 * Runs PLAN, of a socket that is none of a stream, to its end: sends each message, or each line of
 * the input, and waits for its answer. One that gets none is told of, and is not the end. What
 * comes besides is output, too. The same as stream_exchange_run(), else.
 */
void datagram_exchange_run(const struct exchange_plan *plan, struct exchange_result *result);

#endif
