/*
 * The exchange over a stream: sends and receives at the same time until there is nothing left to be
 * sent, and the server closes.
 */
#ifndef ECHOD_CLIENT_EXCHANGE_STREAM_EXCHANGE_H
#define ECHOD_CLIENT_EXCHANGE_STREAM_EXCHANGE_H

#include "client/exchange/exchange.h"

/*
 * Runs PLAN to its end: sends all, half-closes, and reads until the server closes, in bounded
 * memory. SIGPIPE must be ignored. RESULT is always filled in.
 */
void stream_exchange_run(const struct exchange_plan *plan, struct exchange_result *result);

#endif
