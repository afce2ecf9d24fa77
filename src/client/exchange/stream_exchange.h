/*
 * An exchange over a stream: sends and receives at the same time until everything is sent and the
 * server closes.
 */
#ifndef ECHOD_CLIENT_EXCHANGE_STREAM_EXCHANGE_H
#define ECHOD_CLIENT_EXCHANGE_STREAM_EXCHANGE_H

#include "client/exchange/exchange.h"

/*
 * Runs PLAN to its end: sends everything, half-closes, and reads until the server closes. Uses
 * bounded memory. SIGPIPE must be ignored. RESULT is always filled in.
 */
void stream_exchange_run(const struct exchange_plan *plan, struct exchange_result *result);

#endif
