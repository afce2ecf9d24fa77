/*
 * Messages about the outcome of an exchange.
 */
#ifndef ECHOD_CLIENT_EXCHANGE_EXCHANGE_DIAG_H
#define ECHOD_CLIENT_EXCHANGE_EXCHANGE_DIAG_H

#include "client/exchange/exchange.h"
#include "net/address.h"

/* Reports that SOCK is connected to PEER, in the detail that VERBOSITY (common_options.h) asks for.
 */
void exchange_diag_connected(int sock, const struct address *peer, const struct exchange_plan *plan,
                             int verbosity);

/*
 * Reports how the exchange with PEER ended: always if it failed, and otherwise as VERBOSITY asks.
 * Returns the exit status.
 */
int exchange_diag_result(const struct exchange_result *result, const struct address *peer,
                         const struct exchange_plan *plan, int verbosity);

#endif
