/*
 * A message that is sent as a datagram or packet, and its answer, as JSON objects.
 */
#ifndef ECHOD_CLIENT_EXCHANGE_MESSAGE_H
#define ECHOD_CLIENT_EXCHANGE_MESSAGE_H

#include "net/address.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct message {
    const char *data;
    size_t len;
    uint64_t number; /* from 1 on */
    uint64_t begin;  /* when it was sent, nanoseconds */
};

/* Whether the LEN bytes at DATA equal M. Either may be empty; M->data may then be NULL. */
bool message_is(const struct message *m, const char *data, size_t len);

/* Prints the answer to M that ARRIVED from PEER; M is NULL if it answers no message. */
void message_put_answer(const struct address *peer, const struct message *m, const char *data,
                        size_t len, uint64_t arrived);

/* Prints that M has no answer: the VERDICT, one word, and the REASON or NULL. */
void message_put_failure(const struct address *peer, const struct message *m, const char *verdict,
                         const char *reason);

#endif
