/*
 * A message that is sent apart, and its answer, as objects of JSON.
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

/* Whether the LEN bytes at DATA are M; either may be empty, and M then nowhere. */
bool message_is(const struct message *m, const char *data, size_t len);

/* The answer to M that ARRIVED from PEER; M is NULL for what answers nothing. */
void message_put_answer(const struct address *peer, const struct message *m, const char *data,
                        size_t len, uint64_t arrived);

/* That M has no answer: the VERDICT in a word, and the reason or NULL. */
void message_put_failure(const struct address *peer, const struct message *m, const char *verdict,
                         const char *reason);

#endif
