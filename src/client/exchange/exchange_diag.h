/*
 * Messages about the outcome of an exchange.
 */
#ifndef ECHOD_CLIENT_EXCHANGE_EXCHANGE_DIAG_H
#define ECHOD_CLIENT_EXCHANGE_EXCHANGE_DIAG_H

#include "client/exchange/exchange.h"
#include "net/address.h"

/* SOCK is connected to PEER; says as much of it as the VERBOSITY (common_options.h) asks for. */
void exchange_diag_connected(int sock, const struct address *peer, const struct exchange_plan *plan,
                             int verbosity);

/*
 * How the exchange with PEER ended: a failure in words, a success as far as the VERBOSITY asks
 * for it. Returns the exit status.
 */
int exchange_diag_result(const struct exchange_result *result, const struct address *peer,
                         const struct exchange_plan *plan, int verbosity);

#endif
